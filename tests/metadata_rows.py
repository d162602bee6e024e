"""Rows of a metadata.json, made by hand, with everything that reading wants."""

from __future__ import annotations

from typing import Any


def operator(name: str, kind: str = "conv2d", **others: Any) -> dict[str, Any]:
    """By default it writes a tensor of its own name."""
    known: dict[str, Any] = {
        "name": name, "kind": kind, "target": "c", "function": "op", "macs": 0, "inputs": [], "output": name,
        "weight_bytes": 0, "workspace_bytes": 0, "why_not": {}, **others,
    }  # fmt: skip
    return {"live_macs": known["macs"], **known}


def tensor(name: str, shape: list[int], dtype: str, size: int, **others: Any) -> dict[str, Any]:
    return {
        "name": name, "shape": shape, "dtype": dtype, "bytes": size, "offset": 0, "first": 0, "last": 0, **others
    }  # fmt: skip


def port(shape: list[int], dtype: str = "int8") -> dict[str, Any]:
    return {"name": "x", "shape": shape, "dtype": dtype, "offset": 0}


def region(name: str, **others: Any) -> dict[str, Any]:
    known: dict[str, Any] = dict.fromkeys(("macs", "command_bytes", "weight_bytes", "scratch_bytes", "vela_cycles"), 0)
    return known | {"name": name, "operators": []} | others


def npu(regions: list[dict[str, Any]], **others: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "accelerator": "ethos-u55-128", "macs_per_cycle": 128, "memory_mode": "Shared_Sram",
        "system_config": "a system", "fallback": False, "macs": 0, "vela": "5.2.0", "vela_cycles": 0,
        "regions": regions,
    }  # fmt: skip
    return known | others


def metadata(operators: list[dict[str, Any]], **others: Any) -> dict[str, Any]:
    """With a tensor for every operator's output, unless `tensors` are given."""
    outputs = [tensor(name, [4], "int8", 4) for name in dict.fromkeys(row["output"] for row in operators)]
    known: dict[str, Any] = {
        "model": "m", "precision": "int8", "arena_bytes": 64, "arena_lower_bound": 64, "weight_bytes": 4,
        "weights_read_again_bytes": 0, "macs": sum(row["macs"] for row in operators), "placement": {},
        "input": port([1, 48, 320, 3]), "output": port([1, 40, 97], "float32"), "operators": operators,
        "tensors": outputs, "workspaces": [], "weights": [],
    }  # fmt: skip
    return known | others
