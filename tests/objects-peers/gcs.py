"""A peer that speaks the XML API of Google Cloud Storage, `gcs.py PORT`.

Paths, answers, lists and multipart uploads of that API are those of S3, which moto speaks; what Google names otherwise is
translated here: who asks (whoever), `x-goog-*` headers, and conditions on the generation.
"""
import sys
import urllib.parse

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from werkzeug.serving import run_simple

# moto asks for somebody, and looks at no signature.
SOMEBODY = ("AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=host, "
            "Signature=0000000000000000")
RENAMED = {"HTTP_X_GOOG_COPY_SOURCE": "HTTP_X_AMZ_COPY_SOURCE"}


def translated(app):
    def answer(environ, start_response):
        for name in [name for name in environ if name.startswith("HTTP_X_AMZ_")]:
            del environ[name]
        for theirs, ours in RENAMED.items():
            if theirs in environ:
                environ[ours] = environ.pop(theirs)
        if environ.pop("HTTP_X_GOOG_IF_GENERATION_MATCH", None) == "0":
            environ["HTTP_IF_NONE_MATCH"] = "*"
        environ["HTTP_AUTHORIZATION"] = SOMEBODY
        # object_store encodes all but letters and digits, also `/` and the bucket's name; moto looks at the path as it came.
        path, mark, query = environ.get("RAW_URI", "").partition("?")
        environ["RAW_URI"] = urllib.parse.quote(urllib.parse.unquote(path)) + mark + query

        def start(status, headers, exc_info=None):
            kept = [(name, value) for name, value in headers if not name.lower().startswith("x-amz")]
            return start_response(status, [*kept, ("x-goog-generation", "1")], exc_info)
        return app(environ, start)
    return answer


if __name__ == "__main__":
    run_simple("127.0.0.1", int(sys.argv[1]), translated(DomainDispatcherApplication(create_backend_app)), threaded=True,
               request_handler=MotoRequestHandler)
