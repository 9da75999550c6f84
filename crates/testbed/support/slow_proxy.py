"""A TCP proxy on loopback that holds back every burst of the client's bytes, so every HTTP request, for a while.

    slow_proxy.py LISTEN_PORT TARGET_PORT DELAY_FILE

DELAY_FILE holds the delay in seconds and is read at each request. Without the file there is no delay.
"""

import asyncio
import sys
from pathlib import Path

listen, target, delay_file = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])


def delay() -> float:
    try:
        return float(delay_file.read_text())
    except (OSError, ValueError):
        return 0.0


async def copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter, slow: bool) -> None:
    try:
        while data := await source.read(65536):
            # A request's first line; the rest of a body is not held back again.
            if slow and data.split(b" ", 1)[0] in (b"GET", b"HEAD", b"POST", b"PUT", b"PATCH"):
                await asyncio.sleep(delay())
            sink.write(data)
            await sink.drain()
    except ConnectionError:
        pass
    finally:
        sink.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", target)
    except OSError:
        writer.close()
        return
    await asyncio.gather(copy(reader, upstream_writer, True), copy(upstream_reader, writer, False))


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", listen)
    await server.serve_forever()


asyncio.run(main())
