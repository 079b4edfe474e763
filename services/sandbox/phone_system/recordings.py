"""``/Recordings``, for an API client with the role System Owner only. There is no way to read one by its id."""

import struct

from services.sandbox.phone_system.answers import Refusal, warning
from services.sandbox.phone_system.routing import Answer, Request, route

# A WAV file without a sample: 8,000 samples a second, mono, 16 bits.
_SILENCE = (
    b"RIFF" + struct.pack("<I", 36) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 16000, 2, 16)
)
_SILENCE += b"data" + struct.pack("<I", 0)


@route("GET", "/Recordings")
def list_recordings(request: Request) -> Answer:
    _owners_only(request)
    return request.collection("Recordings", list(request.system.recordings.values()), "Recording")


@route("GET", "/Recordings/Pbx.DownloadRecording(recId={id})")
def download_recording(request: Request, id: int) -> Answer:
    _owners_only(request)
    if id not in request.system.recordings:
        raise warning("recId", "XAPI.FILE_NOT_FOUND")
    name = f'attachment; filename="call_{id}.wav"'
    return Answer(body=_SILENCE, headers={"Content-Type": "audio/x-wav", "Content-Disposition": name})


@route("POST", "/Recordings/Pbx.BulkRecordingsDelete")
def delete_recordings(request: Request) -> Answer:
    _owners_only(request)
    for recording_id in request.ids("ids", "Ids"):
        if request.system.recordings.pop(recording_id, None) is not None:
            request.system.count("delete_recording", str(recording_id), [])
    return Answer(204)


@route("POST", "/Recordings/Pbx.BulkRecordingsArchive")
def archive_recordings(request: Request) -> Answer:
    _owners_only(request)
    for recording_id in request.ids("ids", "Ids"):
        recording = request.system.recordings.get(recording_id)
        if recording is not None:
            recording["IsArchived"] = True
            request.system.count("archive_recording", str(recording_id), ["IsArchived"])
    return Answer(204)


def _owners_only(request: Request) -> None:
    if request.system.options.role != "system_owners":
        raise Refusal(403)
