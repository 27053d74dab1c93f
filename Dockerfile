# One image for the streamer, the sink and the generator: the command chooses.
#
#   docker build --tag retail-anomaly:0.1.0 .
#   docker run --rm retail-anomaly:0.1.0 retail-streamer --help
#
# Quix builds from `streamer/dockerfile` instead, because its build context has the application's folders and
# none of the files at the root. Both install `streamer/requirements.txt`, which leaves out the analyst's
# libraries.
ARG PYTHON=3.11.14-slim-bookworm

FROM python:${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1
WORKDIR /source
# Further libraries, with a blank between them: `--build-arg WITH="river holidays"` for models of River and
# the public holidays of regions.
ARG WITH=
# Install the dependencies first: this layer is built anew only when one of these files changes.
COPY constraints.txt ./
COPY streamer/requirements.txt streamer/requirements.txt
# hadolint ignore=SC2086
RUN python -m venv --without-pip /opt/retail-anomaly \
    && python -m pip --python /opt/retail-anomaly install --only-binary :all: \
        --constraint constraints.txt --requirement streamer/requirements.txt ${WITH} \
    && find /opt/retail-anomaly -type d -name tests -prune -exec rm -r {} + \
    && python -m pip install --constraint constraints.txt hatchling
COPY pyproject.toml README.md LICENSE CHANGELOG.md ./
COPY retail_anomaly retail_anomaly
COPY streamer streamer
COPY data_gen data_gen
COPY notebooks notebooks
RUN python -m pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && python -m pip --python /opt/retail-anomaly install --no-deps dist/*.whl \
    && python -m compileall -q /opt/retail-anomaly

FROM python:${PYTHON}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="retail-anomaly" \
      org.opencontainers.image.description="Loss prevention for shops: detectors on Kafka, their sink." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The user owns the folder, so a new volume that is mounted there belongs to the user too.
RUN groupadd --system --gid 10001 retail \
    && useradd --system --uid 10001 --gid retail --no-create-home --home-dir /nonexistent retail \
    && install --directory --owner retail --group retail /var/lib/retail-anomaly
COPY --from=build /opt/retail-anomaly /opt/retail-anomaly
ENV PATH=/opt/retail-anomaly/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    RETAIL__STREAMER__STATE_DIR=/var/lib/retail-anomaly
# As a number, because Kubernetes' runAsNonRoot can't look up a name.
USER 10001:10001
WORKDIR /var/lib/retail-anomaly
STOPSIGNAL SIGTERM
CMD ["retail-streamer", "run"]
