# The command, or with `serve` the page, for a user without rights; docs/serve.md says how to run it.
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY segment segment
# OpenCV without windows needs no libraries of a screen.
RUN pip install --no-cache-dir '.[serve]' \
    && pip uninstall --yes opencv-python \
    && pip install --no-cache-dir opencv-python-headless

RUN useradd --no-create-home --uid 10001 segment
USER segment

WORKDIR /images
EXPOSE 8000
ENTRYPOINT ["segment"]
CMD ["--help"]
