"""A Django application with the two settings of CVAT's that say what a proxy before it tells; run by a Python that has Django.

    python django_program.py ADDRESS PORT HOSTS

CVAT's server itself is in no package index. The form is checked by Django's own middleware, with Django's defaults.
"""

import sys
from wsgiref.simple_server import make_server

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.urls import re_path


def form(request: HttpRequest) -> HttpResponse:
    """The token of a form, and whether the form was sent."""
    return JsonResponse({"app": "django", "method": request.method, "token": get_token(request)})


urlpatterns = [re_path("", form)]


def main() -> None:
    """Serve until it is ended."""
    address, port, hosts = sys.argv[1:]
    settings.configure(
        ALLOWED_HOSTS=hosts.split(","),
        MIDDLEWARE=["django.middleware.csrf.CsrfViewMiddleware"],
        ROOT_URLCONF=__name__,
        SECRET_KEY="of the tests",
        SECURE_PROXY_SSL_HEADER=("HTTP_X_FORWARDED_PROTO", "https"),
        USE_X_FORWARDED_HOST=True,
    )
    make_server(address, int(port), get_wsgi_application()).serve_forever()


if __name__ == "__main__":
    main()
