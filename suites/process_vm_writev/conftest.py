"""process_vm_writev(2) as the call that shared cases make: bytes to another process's memory."""

from suites.shared.mover import fixtures_of

mover, scene, local_scene = fixtures_of("process_vm_writev", writes=True)
