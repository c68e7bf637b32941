"""The sans-IO core: what to send, what an answer means, what is still owed.

Nothing below this package awaits, reads a clock, draws a random number or opens a file; the
clock and the random source are arguments where they are needed.
"""
