"""What a Manager of aiomas spawns: `spawn("peer_server:make_peer")`."""
import peer


def make_peer(container):
    """An agent as `server.py` serves it."""
    return peer.Peer(container)
