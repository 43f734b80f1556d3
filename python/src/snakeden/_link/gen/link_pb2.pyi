from snakeden._link.gen import errors_pb2 as _errors_pb2
from snakeden._link.gen import values_pb2 as _values_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkerFrame(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[WorkerMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[WorkerMessage, _Mapping]]] = ...) -> None: ...

class HostFrame(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[HostMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[HostMessage, _Mapping]]] = ...) -> None: ...

class WorkerMessage(_message.Message):
    __slots__ = ("hello", "ready", "start_failed", "result", "failure", "chunk", "progress", "pong", "log", "recalled", "release", "leaving", "imported", "ask", "printed", "loop_blocked")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    READY_FIELD_NUMBER: _ClassVar[int]
    START_FAILED_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    PONG_FIELD_NUMBER: _ClassVar[int]
    LOG_FIELD_NUMBER: _ClassVar[int]
    RECALLED_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    IMPORTED_FIELD_NUMBER: _ClassVar[int]
    ASK_FIELD_NUMBER: _ClassVar[int]
    PRINTED_FIELD_NUMBER: _ClassVar[int]
    LOOP_BLOCKED_FIELD_NUMBER: _ClassVar[int]
    hello: Hello
    ready: Ready
    start_failed: StartFailed
    result: Result
    failure: Failure
    chunk: Chunk
    progress: Progress
    pong: Pong
    log: Log
    recalled: Recalled
    release: Release
    leaving: Leaving
    imported: Imported
    ask: Ask
    printed: Printed
    loop_blocked: LoopBlocked
    def __init__(self, hello: _Optional[_Union[Hello, _Mapping]] = ..., ready: _Optional[_Union[Ready, _Mapping]] = ..., start_failed: _Optional[_Union[StartFailed, _Mapping]] = ..., result: _Optional[_Union[Result, _Mapping]] = ..., failure: _Optional[_Union[Failure, _Mapping]] = ..., chunk: _Optional[_Union[Chunk, _Mapping]] = ..., progress: _Optional[_Union[Progress, _Mapping]] = ..., pong: _Optional[_Union[Pong, _Mapping]] = ..., log: _Optional[_Union[Log, _Mapping]] = ..., recalled: _Optional[_Union[Recalled, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., leaving: _Optional[_Union[Leaving, _Mapping]] = ..., imported: _Optional[_Union[Imported, _Mapping]] = ..., ask: _Optional[_Union[Ask, _Mapping]] = ..., printed: _Optional[_Union[Printed, _Mapping]] = ..., loop_blocked: _Optional[_Union[LoopBlocked, _Mapping]] = ...) -> None: ...

class HostMessage(_message.Message):
    __slots__ = ("welcome", "refused", "call", "cancel", "credit", "ping", "stop", "recall", "release", "answer", "sessions_ended")
    WELCOME_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    CALL_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    CREDIT_FIELD_NUMBER: _ClassVar[int]
    PING_FIELD_NUMBER: _ClassVar[int]
    STOP_FIELD_NUMBER: _ClassVar[int]
    RECALL_FIELD_NUMBER: _ClassVar[int]
    RELEASE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    SESSIONS_ENDED_FIELD_NUMBER: _ClassVar[int]
    welcome: Welcome
    refused: Refused
    call: Call
    cancel: Cancel
    credit: Credit
    ping: Ping
    stop: Stop
    recall: Recall
    release: Release
    answer: Answer
    sessions_ended: SessionsEnded
    def __init__(self, welcome: _Optional[_Union[Welcome, _Mapping]] = ..., refused: _Optional[_Union[Refused, _Mapping]] = ..., call: _Optional[_Union[Call, _Mapping]] = ..., cancel: _Optional[_Union[Cancel, _Mapping]] = ..., credit: _Optional[_Union[Credit, _Mapping]] = ..., ping: _Optional[_Union[Ping, _Mapping]] = ..., stop: _Optional[_Union[Stop, _Mapping]] = ..., recall: _Optional[_Union[Recall, _Mapping]] = ..., release: _Optional[_Union[Release, _Mapping]] = ..., answer: _Optional[_Union[Answer, _Mapping]] = ..., sessions_ended: _Optional[_Union[SessionsEnded, _Mapping]] = ...) -> None: ...

class Hello(_message.Message):
    __slots__ = ("protocol_version", "worker_id", "token", "pid", "python_version", "package_version", "device")
    PROTOCOL_VERSION_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    PYTHON_VERSION_FIELD_NUMBER: _ClassVar[int]
    PACKAGE_VERSION_FIELD_NUMBER: _ClassVar[int]
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    protocol_version: int
    worker_id: str
    token: str
    pid: int
    python_version: str
    package_version: str
    device: str
    def __init__(self, protocol_version: _Optional[int] = ..., worker_id: _Optional[str] = ..., token: _Optional[str] = ..., pid: _Optional[int] = ..., python_version: _Optional[str] = ..., package_version: _Optional[str] = ..., device: _Optional[str] = ...) -> None: ...

class Welcome(_message.Message):
    __slots__ = ("adapters", "module_paths", "log_level", "max_result_bytes", "max_depth", "progress_path", "shared_memory", "limits", "profile", "expose", "call_prefix", "max_list_items", "capacity", "blocked_loop_ms")
    ADAPTERS_FIELD_NUMBER: _ClassVar[int]
    MODULE_PATHS_FIELD_NUMBER: _ClassVar[int]
    LOG_LEVEL_FIELD_NUMBER: _ClassVar[int]
    MAX_RESULT_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_DEPTH_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_PATH_FIELD_NUMBER: _ClassVar[int]
    SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    EXPOSE_FIELD_NUMBER: _ClassVar[int]
    CALL_PREFIX_FIELD_NUMBER: _ClassVar[int]
    MAX_LIST_ITEMS_FIELD_NUMBER: _ClassVar[int]
    CAPACITY_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_LOOP_MS_FIELD_NUMBER: _ClassVar[int]
    adapters: _containers.RepeatedScalarFieldContainer[str]
    module_paths: _containers.RepeatedScalarFieldContainer[str]
    log_level: str
    max_result_bytes: int
    max_depth: int
    progress_path: str
    shared_memory: SharedMemory
    limits: Limits
    profile: str
    expose: _containers.RepeatedScalarFieldContainer[str]
    call_prefix: str
    max_list_items: int
    capacity: int
    blocked_loop_ms: int
    def __init__(self, adapters: _Optional[_Iterable[str]] = ..., module_paths: _Optional[_Iterable[str]] = ..., log_level: _Optional[str] = ..., max_result_bytes: _Optional[int] = ..., max_depth: _Optional[int] = ..., progress_path: _Optional[str] = ..., shared_memory: _Optional[_Union[SharedMemory, _Mapping]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., profile: _Optional[str] = ..., expose: _Optional[_Iterable[str]] = ..., call_prefix: _Optional[str] = ..., max_list_items: _Optional[int] = ..., capacity: _Optional[int] = ..., blocked_loop_ms: _Optional[int] = ...) -> None: ...

class Limits(_message.Message):
    __slots__ = ("memory_bytes", "data_bytes", "open_files", "cpu_seconds", "nice")
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    DATA_BYTES_FIELD_NUMBER: _ClassVar[int]
    OPEN_FILES_FIELD_NUMBER: _ClassVar[int]
    CPU_SECONDS_FIELD_NUMBER: _ClassVar[int]
    NICE_FIELD_NUMBER: _ClassVar[int]
    memory_bytes: float
    data_bytes: float
    open_files: int
    cpu_seconds: int
    nice: int
    def __init__(self, memory_bytes: _Optional[float] = ..., data_bytes: _Optional[float] = ..., open_files: _Optional[int] = ..., cpu_seconds: _Optional[int] = ..., nice: _Optional[int] = ...) -> None: ...

class SharedMemory(_message.Message):
    __slots__ = ("to_worker_path", "to_host_path", "bytes", "min_bytes")
    TO_WORKER_PATH_FIELD_NUMBER: _ClassVar[int]
    TO_HOST_PATH_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    MIN_BYTES_FIELD_NUMBER: _ClassVar[int]
    to_worker_path: str
    to_host_path: str
    bytes: int
    min_bytes: int
    def __init__(self, to_worker_path: _Optional[str] = ..., to_host_path: _Optional[str] = ..., bytes: _Optional[int] = ..., min_bytes: _Optional[int] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: _errors_pb2.Error
    def __init__(self, error: _Optional[_Union[_errors_pb2.Error, _Mapping]] = ...) -> None: ...

class Ready(_message.Message):
    __slots__ = ("tools", "notes_progress", "maps_shared_memory", "device_uses", "notes_items", "runs_without_gil")
    TOOLS_FIELD_NUMBER: _ClassVar[int]
    NOTES_PROGRESS_FIELD_NUMBER: _ClassVar[int]
    MAPS_SHARED_MEMORY_FIELD_NUMBER: _ClassVar[int]
    DEVICE_USES_FIELD_NUMBER: _ClassVar[int]
    NOTES_ITEMS_FIELD_NUMBER: _ClassVar[int]
    RUNS_WITHOUT_GIL_FIELD_NUMBER: _ClassVar[int]
    tools: _containers.RepeatedCompositeFieldContainer[Tool]
    notes_progress: bool
    maps_shared_memory: bool
    device_uses: _containers.RepeatedCompositeFieldContainer[DeviceUse]
    notes_items: bool
    runs_without_gil: bool
    def __init__(self, tools: _Optional[_Iterable[_Union[Tool, _Mapping]]] = ..., notes_progress: _Optional[bool] = ..., maps_shared_memory: _Optional[bool] = ..., device_uses: _Optional[_Iterable[_Union[DeviceUse, _Mapping]]] = ..., notes_items: _Optional[bool] = ..., runs_without_gil: _Optional[bool] = ...) -> None: ...

class DeviceUse(_message.Message):
    __slots__ = ("framework", "version", "state", "text", "memory_bytes")
    FRAMEWORK_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MEMORY_BYTES_FIELD_NUMBER: _ClassVar[int]
    framework: str
    version: str
    state: str
    text: str
    memory_bytes: float
    def __init__(self, framework: _Optional[str] = ..., version: _Optional[str] = ..., state: _Optional[str] = ..., text: _Optional[str] = ..., memory_bytes: _Optional[float] = ...) -> None: ...

class Imported(_message.Message):
    __slots__ = ("path",)
    PATH_FIELD_NUMBER: _ClassVar[int]
    path: str
    def __init__(self, path: _Optional[str] = ...) -> None: ...

class LoopBlocked(_message.Message):
    __slots__ = ("tool", "blocked_ms", "is_over", "stack")
    TOOL_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_MS_FIELD_NUMBER: _ClassVar[int]
    IS_OVER_FIELD_NUMBER: _ClassVar[int]
    STACK_FIELD_NUMBER: _ClassVar[int]
    tool: str
    blocked_ms: float
    is_over: bool
    stack: str
    def __init__(self, tool: _Optional[str] = ..., blocked_ms: _Optional[float] = ..., is_over: _Optional[bool] = ..., stack: _Optional[str] = ...) -> None: ...

class Tool(_message.Message):
    __slots__ = ("name", "description", "input_schema", "output_schema", "streams", "idempotent", "timeout_ms", "media_type", "stall_timeout_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_SCHEMA_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    STALL_TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    input_schema: str
    output_schema: str
    streams: bool
    idempotent: bool
    timeout_ms: float
    media_type: str
    stall_timeout_ms: float
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., input_schema: _Optional[str] = ..., output_schema: _Optional[str] = ..., streams: _Optional[bool] = ..., idempotent: _Optional[bool] = ..., timeout_ms: _Optional[float] = ..., media_type: _Optional[str] = ..., stall_timeout_ms: _Optional[float] = ...) -> None: ...

class StartFailed(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: _errors_pb2.Error
    def __init__(self, error: _Optional[_Union[_errors_pb2.Error, _Mapping]] = ...) -> None: ...

class Stop(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Leaving(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class Ping(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class Pong(_message.Message):
    __slots__ = ("id", "rss_bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    RSS_BYTES_FIELD_NUMBER: _ClassVar[int]
    id: int
    rss_bytes: float
    def __init__(self, id: _Optional[int] = ..., rss_bytes: _Optional[float] = ...) -> None: ...

class Log(_message.Message):
    __slots__ = ("level", "logger", "message", "time", "call_id", "dropped")
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    LOGGER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    level: int
    logger: str
    message: str
    time: float
    call_id: int
    dropped: int
    def __init__(self, level: _Optional[int] = ..., logger: _Optional[str] = ..., message: _Optional[str] = ..., time: _Optional[float] = ..., call_id: _Optional[int] = ..., dropped: _Optional[int] = ...) -> None: ...

class SessionsEnded(_message.Message):
    __slots__ = ("lives",)
    LIVES_FIELD_NUMBER: _ClassVar[int]
    lives: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, lives: _Optional[_Iterable[str]] = ...) -> None: ...

class Call(_message.Message):
    __slots__ = ("id", "tool", "args", "timeout_ms", "stream", "window_bytes", "session_id", "request_id", "number", "arrays", "bulk", "tagged_items", "item_buffers", "keeps_output")
    ID_FIELD_NUMBER: _ClassVar[int]
    TOOL_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    WINDOW_BYTES_FIELD_NUMBER: _ClassVar[int]
    SESSION_ID_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    ARRAYS_FIELD_NUMBER: _ClassVar[int]
    BULK_FIELD_NUMBER: _ClassVar[int]
    TAGGED_ITEMS_FIELD_NUMBER: _ClassVar[int]
    ITEM_BUFFERS_FIELD_NUMBER: _ClassVar[int]
    KEEPS_OUTPUT_FIELD_NUMBER: _ClassVar[int]
    id: int
    tool: str
    args: _values_pb2.Value
    timeout_ms: float
    stream: bool
    window_bytes: int
    session_id: str
    request_id: str
    number: int
    arrays: int
    bulk: bool
    tagged_items: _containers.RepeatedScalarFieldContainer[int]
    item_buffers: _containers.RepeatedScalarFieldContainer[int]
    keeps_output: bool
    def __init__(self, id: _Optional[int] = ..., tool: _Optional[str] = ..., args: _Optional[_Union[_values_pb2.Value, _Mapping]] = ..., timeout_ms: _Optional[float] = ..., stream: _Optional[bool] = ..., window_bytes: _Optional[int] = ..., session_id: _Optional[str] = ..., request_id: _Optional[str] = ..., number: _Optional[int] = ..., arrays: _Optional[int] = ..., bulk: _Optional[bool] = ..., tagged_items: _Optional[_Iterable[int]] = ..., item_buffers: _Optional[_Iterable[int]] = ..., keeps_output: _Optional[bool] = ...) -> None: ...

class Cancel(_message.Message):
    __slots__ = ("id",)
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class Recall(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Recalled(_message.Message):
    __slots__ = ("ids",)
    IDS_FIELD_NUMBER: _ClassVar[int]
    ids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, ids: _Optional[_Iterable[int]] = ...) -> None: ...

class Release(_message.Message):
    __slots__ = ("offsets",)
    OFFSETS_FIELD_NUMBER: _ClassVar[int]
    offsets: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, offsets: _Optional[_Iterable[int]] = ...) -> None: ...

class Credit(_message.Message):
    __slots__ = ("id", "bytes")
    ID_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    id: int
    bytes: int
    def __init__(self, id: _Optional[int] = ..., bytes: _Optional[int] = ...) -> None: ...

class Result(_message.Message):
    __slots__ = ("id", "value", "run_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    RUN_MS_FIELD_NUMBER: _ClassVar[int]
    id: int
    value: _values_pb2.Value
    run_ms: float
    def __init__(self, id: _Optional[int] = ..., value: _Optional[_Union[_values_pb2.Value, _Mapping]] = ..., run_ms: _Optional[float] = ...) -> None: ...

class Failure(_message.Message):
    __slots__ = ("id", "error", "run_ms")
    ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RUN_MS_FIELD_NUMBER: _ClassVar[int]
    id: int
    error: _errors_pb2.Error
    run_ms: float
    def __init__(self, id: _Optional[int] = ..., error: _Optional[_Union[_errors_pb2.Error, _Mapping]] = ..., run_ms: _Optional[float] = ...) -> None: ...

class Printed(_message.Message):
    __slots__ = ("id", "pipes")
    ID_FIELD_NUMBER: _ClassVar[int]
    PIPES_FIELD_NUMBER: _ClassVar[int]
    id: int
    pipes: int
    def __init__(self, id: _Optional[int] = ..., pipes: _Optional[int] = ...) -> None: ...

class Chunk(_message.Message):
    __slots__ = ("id", "value")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    id: int
    value: _values_pb2.Value
    def __init__(self, id: _Optional[int] = ..., value: _Optional[_Union[_values_pb2.Value, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("id", "value")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    id: int
    value: _values_pb2.Value
    def __init__(self, id: _Optional[int] = ..., value: _Optional[_Union[_values_pb2.Value, _Mapping]] = ...) -> None: ...

class Ask(_message.Message):
    __slots__ = ("id", "call_id", "method", "args")
    ID_FIELD_NUMBER: _ClassVar[int]
    CALL_ID_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    ARGS_FIELD_NUMBER: _ClassVar[int]
    id: int
    call_id: int
    method: str
    args: _values_pb2.Value
    def __init__(self, id: _Optional[int] = ..., call_id: _Optional[int] = ..., method: _Optional[str] = ..., args: _Optional[_Union[_values_pb2.Value, _Mapping]] = ...) -> None: ...

class Answer(_message.Message):
    __slots__ = ("id", "value", "error")
    ID_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    id: int
    value: _values_pb2.Value
    error: _errors_pb2.HostError
    def __init__(self, id: _Optional[int] = ..., value: _Optional[_Union[_values_pb2.Value, _Mapping]] = ..., error: _Optional[_Union[_errors_pb2.HostError, _Mapping]] = ...) -> None: ...
