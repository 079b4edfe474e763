"""Makes the Celery app. Nothing happens at import; an entrypoint calls ``create_app`` with its settings."""

from celery import Celery
from kombu.transport import TRANSPORT_ALIASES

from shared.process_settings import ProcessSettings
from shared.worker import brokers, steady, stopping
from shared.worker.queues import Queue, queue_of

TICK = "scheduler.tick"
SWEEP = "scheduler.sweep"


def create_app(settings: ProcessSettings, holder: str = "api") -> Celery:
    """A configured app without tasks of its own; tasks come with the services that the process imports.

    ``holder``: the service whose messages in hand this process keeps, apart from those of the others.
    """
    # Imported only where Redis is used.
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), "shared.worker.redis_transport:Transport"))
    app = Celery(
        "rollcall",
        # With a host name, as kombu warns of one that it must guess.
        broker="memory://localhost//" if settings.is_embedded else settings.broker_url,
        # Answers travel by ``shared.worker.answers``; nothing else has a result.
        backend="disabled://",
        set_as_current=False,
    )
    app.rollcall_settings = settings
    publishing = {"queue": Queue.SCHEDULER.value} | brokers.publish_options(settings)
    stopping.notice(app)
    app.conf.update(
        accept_content=["json"],
        task_serializer="json",
        result_serializer="json",
        timezone="UTC",
        enable_utc=True,
        task_queues=brokers.queues(settings),
        task_default_queue=Queue.COLLECTOR.value,
        task_routes=(_route,),
        task_create_missing_queues=False,
        # A task is acknowledged when done and comes again when its worker died.
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_acks_on_failure_or_timeout=True,
        task_ignore_result=True,
        task_time_limit=settings.task_seconds,
        task_soft_time_limit=settings.task_seconds * 0.9,
        worker_prefetch_multiplier=1,
        worker_consumer="shared.worker.consumer:Consumer",
        worker_hijack_root_logger=False,
        worker_send_task_events=True,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry_on_startup=True,
        # A worker waits for its broker as long as it takes; the default gives up after some twenty minutes.
        broker_connection_max_retries=None,
        broker_connection_timeout=brokers.CONNECT_SECONDS,
        broker_transport_options=brokers.transport_options(settings, holder),
        # The delay queues hold hints for a minute: not worth a Raft group each.
        broker_native_delayed_delivery_queue_type="classic",
        # Whoever publishes waits: once more at once, then sweep's turn.
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2},
        redis_socket_connect_timeout=brokers.CONNECT_SECONDS,
        redis_socket_timeout=brokers.SILENCE_SECONDS,
        # Both at once when beat begins: what became due while it was away, and what a crash left behind.
        beat_schedule={
            TICK: {
                "task": TICK,
                "schedule": steady.every(settings.tick_seconds),
                "last_run_at": steady.LONG_AGO,
                "options": publishing | {"expires": settings.tick_seconds},
            },
            SWEEP: {
                "task": SWEEP,
                "schedule": steady.every(settings.sweep_seconds),
                "last_run_at": steady.LONG_AGO,
                "options": publishing | {"expires": settings.sweep_seconds},
            },
        },
    )
    return app


def _route(name: str, *_arguments: object, **_options: object) -> dict[str, str] | None:
    try:
        return {"queue": queue_of(name).value}
    except ValueError:
        return None
