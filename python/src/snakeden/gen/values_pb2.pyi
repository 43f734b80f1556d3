from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class Value(_message.Message):
    __slots__ = ("json", "tagged", "buffers")
    JSON_FIELD_NUMBER: _ClassVar[int]
    TAGGED_FIELD_NUMBER: _ClassVar[int]
    BUFFERS_FIELD_NUMBER: _ClassVar[int]
    json: bytes
    tagged: bool
    buffers: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, json: _Optional[bytes] = ..., tagged: _Optional[bool] = ..., buffers: _Optional[_Iterable[bytes]] = ...) -> None: ...
