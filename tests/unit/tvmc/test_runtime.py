"""The runtime of the archive: the allocator's arithmetic and order, under sanitizers."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from ocrm55 import tvmc
from tests.unit.tvmc.mlf import SANITIZE, WARNINGS

RUNTIME = Path(tvmc.__file__).parent / "runtime"

PROGRAM = """
#include <stdio.h>
#include <tvm/runtime/crt/stack_allocator.h>
#define CHECK(it) do { if (!(it)) { printf("line %d: %s\\n", __LINE__, #it); return 1; } } while (0)
static uint8_t memory[257];
int main(void) {
    tvm_workspace_t w;
    void *a, *b, *c;
    for (unsigned start = 0; start < 17; ++start) {
        CHECK(StackMemoryManager_Init(&w, memory + start, 200) == kTvmErrorNoError);
        CHECK(StackMemoryManager_Allocate_Body(&w, 1, &a, LIFO) == kTvmErrorNoError);
        CHECK(StackMemoryManager_Allocate_Body(&w, 17, &b, LIFO) == kTvmErrorNoError);
        CHECK((uintptr_t)a % 16 == 0 && (uintptr_t)b % 16 == 0 && (uint8_t *)b - (uint8_t *)a >= 16);
        CHECK(StackMemoryManager_Allocate_Body(&w, 200, &c, LIFO) == kTvmErrorPlatformNoMemory && c == NULL);
        CHECK(StackMemoryManager_Allocate_Body(&w, -1, &c, LIFO) == kTvmErrorPlatformNoMemory && c == NULL);
        CHECK(StackMemoryManager_Free_Body(&w, memory + 250, LIFO) == kTvmErrorPlatformStackAllocBadFree);
        if (LIFO) CHECK(StackMemoryManager_Free_Body(&w, a, LIFO) == kTvmErrorPlatformStackAllocBadFree);
        CHECK(StackMemoryManager_Free_Body(&w, b, LIFO) == kTvmErrorNoError);
        CHECK(StackMemoryManager_Free_Body(&w, a, LIFO) == kTvmErrorNoError);
        const int32_t all = (int32_t)(w.workspace_size & ~15u) - (LIFO ? 16 : 0);
        CHECK(StackMemoryManager_Allocate_Body(&w, all, &c, LIFO) == kTvmErrorNoError && c == a);
        for (int32_t i = 0; i < all; ++i) ((uint8_t *)c)[i] = 0xff;
        CHECK(StackMemoryManager_Free_Body(&w, c, LIFO) == kTvmErrorNoError);
        CHECK(StackMemoryManager_Allocate_Body(&w, 0, &c, LIFO) == kTvmErrorNoError);
        CHECK(StackMemoryManager_Free_Body(&w, c, LIFO) == kTvmErrorNoError);
    }
    uintptr_t odd = ((uintptr_t)memory | 15) + 2; /* 1 past a boundary */
    CHECK(StackMemoryManager_Init(&w, (uint8_t *)odd, 8) == kTvmErrorPlatformNoMemory);
    CHECK(kTvmErrorPlatformNoMemory == 0x503 && kTvmErrorFunctionCallNotImplemented == 0x802);
    return 0;
}
"""


@pytest.mark.parametrize("lifo", [0, 1])
def test_stack_allocator(lifo: int, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(PROGRAM)
    source = RUNTIME / "src/runtime/crt/memory/stack_allocator.c"
    words = ["gcc", "-std=c11", *WARNINGS, *SANITIZE, f"-DLIFO={lifo}", "-I", RUNTIME / "include"]
    subprocess.run([*words, source, tmp_path / "main.c", "-o", tmp_path / "main"], check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
