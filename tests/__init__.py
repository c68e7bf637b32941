"""A pure core tested without sockets, shells on a virtual clock and on loopback."""
