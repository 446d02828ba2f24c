# Edge, stream worker and the `warbler` command; Kafka and Cassandra come from their own images (docker-compose.yml).
FROM node:20-slim AS sdk
WORKDIR /sdk/js
COPY sdk/js/ ./
RUN npm install --no-package-lock --no-audit --no-fund && npm run build

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home warbler \
 && install -d -o warbler -g warbler /data /data/secrets /data/objects
WORKDIR /opt/warbler
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY log log
COPY store store
COPY audit audit
COPY streams streams
COPY edge edge
COPY rtc rtc
COPY registry registry
COPY ops ops
COPY sdk sdk
COPY --from=sdk /sdk/js/dist sdk/js/dist
# Editable, so that the image has the layout of the checkout: the edge serves files of sdk/js from beside its package.
RUN pip install --no-cache-dir -e .
USER warbler
ENV WARBLER_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 8480
ENTRYPOINT ["warbler"]
CMD ["--help"]
