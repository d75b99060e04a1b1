"""Every check, in the order of the table: software, the machine, what it computes, and the same on a GPU."""

from mdpr_doctor.finding import Check

_CPU, _GPU = {"device": "cpu"}, {"device": "cuda"}

CHECKS: dict[str, Check] = {
    "python": Check("software:check_python"),
    "packages": Check("software:check_packages"),
    "torch": Check("software:check_torch"),
    "fast-reid": Check("software:check_fastreid"),
    "gpu": Check("hardware:check_gpu"),
    "faiss": Check("software:check_faiss"),
    "bfloat16": Check("hardware:check_bfloat16"),
    "shared-memory": Check("hardware:check_shared_memory"),
    "disk": Check("hardware:check_disk"),
    "data-sets": Check("hardware:check_datasets"),
    "parity": Check("parity:check_parity", _CPU),
    "steps-float32": Check("steps:check_steps", {**_CPU, "precision": "float32"}),
    "steps-bfloat16": Check("steps:check_steps", {**_CPU, "precision": "bfloat16"}),
    "evaluation": Check("retrieval:check_scores"),
    "raising-loader": Check("runs:check_raising_loader", _CPU),
    "kill-and-resume": Check("resume:check_kill_and_resume", _CPU),
    "gpu-parity-float32": Check("parity:check_parity", {**_GPU, "precision": "float32"}),
    "gpu-parity-bfloat16": Check("parity:check_parity", {**_GPU, "precision": "bfloat16"}),
    "gpu-parity-float16": Check("parity:check_parity", {**_GPU, "precision": "float16"}),
    "gpu-steps-float32": Check("steps:check_steps", {**_GPU, "precision": "float32"}),
    "gpu-steps-bfloat16": Check("steps:check_steps", {**_GPU, "precision": "bfloat16"}),
    "gpu-steps-float16": Check("steps:check_steps", {**_GPU, "precision": "float16"}),
    "gpu-evaluation": Check("retrieval:check_same_bits", _GPU),
    "gpu-faiss": Check("retrieval:check_faiss_search", _GPU),
    "gpu-raising-loader": Check("runs:check_raising_loader", _GPU),
    "gpu-kill-and-resume": Check("resume:check_kill_and_resume", _GPU),
    "gpu-processes": Check("runs:check_processes", _GPU),
    "gpu-synth-persons": Check("runs:check_synth_persons", _GPU),
    "gpu-speed": Check("speed:check_speed", _GPU),
}
"""By name. Those of the GPU half start with ``gpu-``."""
