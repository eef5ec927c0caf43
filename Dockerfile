# One image for site, worker and scheduler; docker-compose.yml says which of them a container runs.
# It runs as a user without rights, needs to write to /data and /tmp only, and holds no secret.
# Debian by name: its release brings PostgreSQL's client programs, of the same major version as the server in
# docker-compose.yml (tests/project/test_containers.py). Minor versions float, so that a rebuild brings their fixes.
FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
# requirements-extras.lock has what SENTRY_DSN and OTEL_EXPORTER_OTLP_ENDPOINT need, too.
ARG REQUIREMENTS=requirements.lock
COPY requirements.lock requirements-extras.lock ./
RUN python -m venv /venv && /venv/bin/pip install --require-hashes -r "$REQUIREMENTS"
COPY manage.py ./
COPY cms cms
COPY config config
COPY membership membership
COPY newsletter newsletter
COPY static static
COPY templates templates
RUN VAR_DIR=/tmp/build STATIC_ROOT=/app/collected DJANGO_SETTINGS_MODULE=config.settings.build \
    /venv/bin/python manage.py collectstatic --noinput --verbosity 0

FROM python:3.11-slim-bookworm
# pg_dump and pg_restore, for `backup` and `restore`.
RUN apt-get update && apt-get install -y --no-install-recommends postgresql-client && rm -rf /var/lib/apt/lists/* \
    && useradd --no-create-home --uid 10001 ihop && install -d -o ihop -m 0750 /data
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 VAR_DIR=/data STATIC_ROOT=/app/collected
USER ihop
VOLUME /data
EXPOSE 8000
# Of the site; docker-compose.yml has those of worker and scheduler.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
CMD ["gunicorn", "-c", "config/gunicorn.conf.py", "config.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "4"]
