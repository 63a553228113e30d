# tilesegm with all readers, for CPU or GPU: see docs/container.md.
#   docker build -t tilesegm .
#   docker build -t tilesegm:gpu --build-arg EXTRAS=gpu,wsi,vector,cf,remote .
ARG PYTHON=3.12

FROM python:${PYTHON}-slim AS build
ARG EXTRAS=wsi,vector,cf,remote
RUN python -m venv /opt/tilesegm
ENV PATH=/opt/tilesegm/bin:$PATH
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY tilesegm tilesegm
RUN pip install --no-cache-dir ".[${EXTRAS}]"

FROM python:${PYTHON}-slim
# GDAL in the wheel of rasterio loads libexpat, which the slim image lacks.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libexpat1 \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/tilesegm /opt/tilesegm
# HOME: any user may run the image (`--user`), also one without an entry in /etc/passwd.
ENV PATH=/opt/tilesegm/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1
WORKDIR /data
USER 1000:1000
ENTRYPOINT ["tilesegm"]
CMD ["--help"]
