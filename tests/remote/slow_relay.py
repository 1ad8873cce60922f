"""slow_relay.py PORT TO BYTES: passes what comes to PORT on to TO, and what is answered back

All answers together have a link of so many bytes a second.
"""
import socket
import sys
import threading
import time

here, there, rate = (int(number) for number in sys.argv[1:])
link = threading.Lock()


def pass_on(source, target, is_slow):
    try:
        while data := source.recv(16384):
            if is_slow:
                with link:
                    time.sleep(len(data) / rate)
            target.sendall(data)
    except OSError:
        pass
    for end in source, target:
        try:
            end.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


server = socket.create_server(("127.0.0.1", here))
print("ready", flush=True)
while True:
    client, _ = server.accept()
    other = socket.create_connection(("127.0.0.1", there))
    for ways in (client, other, False), (other, client, True):
        threading.Thread(target=pass_on, args=ways, daemon=True).start()
