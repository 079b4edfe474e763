"""RabbitMQ keeps what it has confirmed, and messages that wait for their time hold up nobody."""

from shared.messages import PlanRun
from shared.worker.queues import Queue
from tests.faults.conftest import World
from tests.faults.deployment import Deployment
from tests.integration.brokers.conftest import rabbit_only
from tests.support.rabbitmq import RabbitServer
from tests.support.waiting import wait_until

pytestmark = rabbit_only


def _waiting(broker: RabbitServer, queue: Queue) -> int:
    """How many messages of the queue wait for a worker."""
    with broker.connection() as connection:
        declared = connection.channel().queue_declare(queue.value, passive=True)
        count: int = declared.message_count
        return count


def _message(number: int) -> PlanRun:
    """A hint about a run that does not exist: work that ends at once."""
    return PlanRun(run_id=number, correlation_id=f"run-{number}")


def test_confirmed_messages_outlive_a_crash_of_the_broker(
    processes: Deployment, broker: RabbitServer
) -> None:
    # What a queue is made of is on disk once the node was ended in order; what lies in it, once that was confirmed.
    with processes.context.app.connection_for_write() as connection:
        for queue in processes.context.app.amqp.queues.values():
            queue.bind(connection.default_channel).declare()
    broker.shut_down()
    broker.start()
    processes.context.publish([_message(900_001 + place) for place in range(5)])
    broker.stop()
    broker.start()
    wait_until("the queue to be led again", lambda: _waiting(broker, Queue.RECONCILER) == 5)
    worker = processes.start_worker()
    wait_until("the messages to be taken", lambda: _waiting(broker, Queue.RECONCILER) == 0)
    assert processes.terminate(worker) == 0


def test_messages_with_a_countdown_arrive_and_keep_no_other_waiting(
    processes: Deployment, world: World, broker: RabbitServer
) -> None:
    worker = processes.start_worker()
    wait_until("the worker", lambda: "ready" in processes.output_of(worker))
    # More than the worker takes at once. Were they with it until their time, nothing else would come through.
    processes.context.publish([_message(900_001 + place) for place in range(20)], countdown=600)
    # Less than a second is no time for RabbitMQ's delay; it must come through all the same.
    run_id = processes.start_run()
    processes.context.publish([_message(run_id)], countdown=0.3)
    processes.finish(run_id)
    assert _waiting(broker, Queue.RECONCILER) == 0
    assert "Traceback" not in processes.output_of(worker)
