"""What schemathesis doesn't know by itself: lines of JSON, pieces of uploads, archives."""
import json

import schemathesis


@schemathesis.serializer("application/offset+octet-stream")
def piece(_context, value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    return str(value).encode("utf-8", "surrogatepass")


@schemathesis.serializer("application/x-ndjson")
def lines(_context, value):
    if isinstance(value, (bytes, bytearray)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    items = value if isinstance(value, list) else [value]
    return "".join(json.dumps(item) + "\n" for item in items).encode()


@schemathesis.serializer("application/zip")
def archive(_context, value):
    """Mostly no archive at all; what is one is the business of tests/api/deploy."""
    return bytes(value) if isinstance(value, (bytes, bytearray)) else str(value).encode("utf-8", "surrogatepass")
