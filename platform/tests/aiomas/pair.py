"""Runs a server and a client against it: `pair.py NAME [--stops] SERVER... -- CLIENT...`.

The server's first line must be `READY URL`; `URL` among the client's arguments becomes that URL. The server is
told to stop by SIGTERM, upon which it must end in order, with 0; its standard input stays open until then, so that
it can see the end of this script. With `--stops` it is the client that has the server end. Exits with 1 if either of
them fails.
"""
import signal
import subprocess
import sys
import threading

READY_SECONDS = 60
CLIENT_SECONDS = 180
STOP_SECONDS = 20


def ready(server):
    """The URL that the server announces; exits if it ends, says something else, or says nothing in time."""
    alarm = threading.Timer(READY_SECONDS, server.kill)
    alarm.start()
    line = server.stdout.readline().strip()
    alarm.cancel()
    word, _, url = line.partition(" ")
    if word != "READY" or not url:
        raise SystemExit("the server's first line must be READY URL within %d s, it is %r" % (READY_SECONDS, line))
    return url


def stop(server, is_told):
    """Ends the server, unless it is told by the client, and returns what is wrong with the way it ended, or None."""
    already = server.poll()
    if not is_told:
        if already is not None:
            return "the server ended before it was told to, with code %d" % already
        server.send_signal(signal.SIGTERM)
    try:
        code = server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return "the server did not stop within %d s" % STOP_SECONDS
    return None if code == 0 else "the server ended with code %d" % code


def main():
    name, rest = sys.argv[1], sys.argv[2:]
    is_told = rest[0] == "--stops"
    rest = rest[is_told:]
    middle = rest.index("--")
    server_command, client_command = rest[:middle], rest[middle + 1:]
    server = subprocess.Popen(server_command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              universal_newlines=True)
    try:
        url = ready(server)
        # What else the server prints must not fill the pipe and block it.
        threading.Thread(target=server.stdout.read, daemon=True).start()
        client = subprocess.run([url if word == "URL" else word for word in client_command],
                                stdout=subprocess.PIPE, universal_newlines=True, timeout=CLIENT_SECONDS)
        text = client.stdout.strip()
        if client.returncode != 0 or not text.split("\n")[-1].startswith("OK"):
            raise SystemExit("%s: the client ended with code %d and said %r" % (name, client.returncode, text))
        wrong = stop(server, is_told)
        if wrong:
            raise SystemExit("%s: %s" % (name, wrong))
    except subprocess.TimeoutExpired:
        raise SystemExit("%s: the client did not end within %d s" % (name, CLIENT_SECONDS))
    finally:
        if server.poll() is None:
            server.kill()
        server.wait()
    print("%s: %s" % (name, text))


if __name__ == "__main__":
    main()
