"""process_vm_readv(2) as the call that shared cases make: bytes from another process's memory."""

from suites.shared.mover import fixtures_of

mover, scene, local_scene = fixtures_of("process_vm_readv", writes=False)
