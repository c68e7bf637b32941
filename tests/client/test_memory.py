"""What reading costs in memory: measured, not estimated."""

import subprocess
import sys

import pytest

READ = """
import asyncio, gc, tracemalloc
from hubassoc_async import AssociationsClient
from hubassoc_async.emulator import MemoryTransport, build_portal

portal = build_portal(
    1, contacts=30_000, companies=20_000, associations=3.3, lonely=0, log_bodies=False
)
ids = [str(one) for one in range(1_001, 31_001)]

async def main():
    async with AssociationsClient(transport=MemoryTransport(portal), quota=None) as client:
        await client.read("contacts", "companies", ids[:10])
        gc.collect()
        tracemalloc.start()
        result = await client.read("contacts", "companies", ids)
        gc.collect()
        held, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        associations = sum(map(len, result.values()))
        assert associations > 90_000, associations
        print(held / associations)

asyncio.run(main())
"""


def run(script: str, *arguments: str) -> float:
    """Run a script in a process of its own, where nothing else is measured, for its figure."""
    command = [sys.executable, "-c", script, *arguments]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def test_a_read_holds_at_most_160_bytes_an_association() -> None:
    """On a portal of 3.3 associations a contact, ids and all."""
    assert run(READ) <= 160


STREAM = """
import asyncio, resource, sys
import msgspec
from hubassoc_async import AssociationsClient, Response

TYPES = '[{"category":"HUBSPOT_DEFINED","typeId":279,"label":null}]'

class Stub:
    '''Answers every input with three associations, at once.'''
    async def send(self, request):
        inputs = msgspec.json.decode(request.body)["inputs"]
        to = ",".join(f'{{"toObjectId":{n},"associationTypes":{TYPES}}}' for n in (7, 8, 9))
        results = ",".join(f'{{"from":{{"id":"{one["id"]}"}},"to":[{to}]}}' for one in inputs)
        await asyncio.sleep(0)
        return Response(200, {}, f'{{"status":"COMPLETE","results":[{results}]}}'.encode())
    async def aclose(self):
        pass

async def main(count, distinct):
    done = 0
    async with AssociationsClient(transport=Stub(), quota=None) as client:
        ids = range(10**11, 10**11 + count)
        async with client.stream_read("contacts", "companies", ids, distinct=distinct) as outcomes:
            async for batch in outcomes.batches():
                done += len(batch)
    assert done == count, done
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)

asyncio.run(main(int(sys.argv[1]), sys.argv[2] == "distinct"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("distinct", ["distinct", "repeats allowed"])
def test_a_stream_of_two_million_ids_takes_what_one_of_100_000_takes(distinct: str) -> None:
    """Within 40 MiB, in a process of its own."""
    assert run(STREAM, "2000000", distinct) - run(STREAM, "100000", distinct) <= 40 * 1024
