# One release of the app.
ARG RUNTIME
FROM $RUNTIME
COPY app /srv/app
ARG RELEASE
ENV RELEASE=$RELEASE PYTHONPATH=/srv/app:/usr/local/lib/python3/dist-packages PYTHONUNBUFFERED=1
WORKDIR /srv/app
USER 10001
CMD ["python3", "-m", "api.server"]
