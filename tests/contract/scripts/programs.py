"""Small WebAssembly programs, written as text and assembled by wasmtime."""

from typing import Final

import wasmtime

IMPORTS: Final = """
(import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "clock_time_get" (func $clock_time_get (param i32 i64 i32) (result i32)))
(import "wasi_snapshot_preview1" "random_get" (func $random_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
(import "wasi_snapshot_preview1" "fd_fdstat_get" (func $fd_fdstat_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_prestat_get" (func $fd_prestat_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "fd_close" (func $fd_close (param i32) (result i32)))
(import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "path_open"
  (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
(import "wasi_snapshot_preview1" "sock_send" (func $sock_send (param i32 i32 i32 i32 i32) (result i32)))
(import "triggerx" "fetch" (func $fetch (param i32 i32) (result i32)))
(import "triggerx" "read" (func $read (param i32 i32) (result i32)))
"""
# Below 1,024 lies what the functions here need; data begins there.
FUNCTIONS: Final = """
(func $print (param $fd i32) (param $at i32) (param $length i32)
  (i32.store (i32.const 0) (local.get $at))
  (i32.store (i32.const 4) (local.get $length))
  (drop (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
(func $print_number (param $n i64)
  (local $at i32)
  (local.set $at (i32.const 64))
  (loop $digits
    (local.set $at (i32.sub (local.get $at) (i32.const 1)))
    (i32.store8 (local.get $at) (i32.wrap_i64 (i64.add (i64.const 48) (i64.rem_u (local.get $n) (i64.const 10)))))
    (local.set $n (i64.div_u (local.get $n) (i64.const 10)))
    (br_if $digits (i64.ne (local.get $n) (i64.const 0))))
  (call $print (i32.const 1) (local.get $at) (i32.sub (i32.const 64) (local.get $at))))
"""
DATA: Final = 1024
MEMORY: Final = '(memory (export "memory") 8)'
BUFFER: Final = 32_768


def assembled(text: str) -> bytes:
    return bytes(wasmtime.wat2wasm(text))


def program(
    body: str, *, data: str | bytes = "", more: str = "", memory: str = '(memory (export "memory") 8)'
) -> bytes:
    """A program with this body; `data` lies at `DATA`, `more` is declared beside it."""
    raw = data.encode() if isinstance(data, str) else data
    text = "".join(f"\\{byte:02x}" for byte in raw)
    return assembled(
        f'(module {IMPORTS} {memory} (data (i32.const {DATA}) "{text}") {FUNCTIONS} {more} '
        f'(func (export "_start") (local $i i32) (local $n i32) {body}))'
    )


def printing(*parts: tuple[int, str | bytes]) -> bytes:
    """A program that prints these to the descriptors, one after the other."""
    raws = [part.encode() if isinstance(part, str) else part for _, part in parts]
    body, at = "", DATA
    for (descriptor, _), raw in zip(parts, raws, strict=True):
        body += f"(call $print (i32.const {descriptor}) (i32.const {at}) (i32.const {len(raw)}))"
        at += len(raw)
    return program(body, data=b"".join(raws))


def answering(text: str) -> bytes:
    """A program whose answer is this JSON."""
    return printing((1, text))


# Reads everything there is on standard input, in small pieces, and prints it.
ECHO: Final = program(
    f"""
    (local.set $n (i32.const {BUFFER}))
    (loop $more
      (i32.store (i32.const 0) (local.get $n)) (i32.store (i32.const 4) (i32.const 7))
      (i32.store (i32.const 16) (i32.const 0)) (i32.store (i32.const 20) (i32.const 0))
      (if (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
      (local.set $n (i32.add (local.get $n) (i32.load (i32.const 8))))
      (br_if $more (i32.load (i32.const 8))))
    (call $print (i32.const 1) (i32.const {BUFFER}) (i32.sub (local.get $n) (i32.const {BUFFER})))"""
)


def fetching(url: str) -> bytes:
    """A program that prints the page as it came, or the reason why it did not as a text."""
    length = len(url.encode())
    return program(
        f"""
        (local.set $n (call $fetch (i32.const {DATA}) (i32.const {length})))
        (if (i32.ge_s (local.get $n) (i32.const 0))
          (then (call $print (i32.const 1) (i32.const {BUFFER}) (call $read (i32.const {BUFFER}) (local.get $n))))
          (else
            (call $print (i32.const 1) (i32.const {DATA + length}) (i32.const 1))
            (call $print (i32.const 1) (i32.const {BUFFER})
              (call $read (i32.const {BUFFER}) (i32.sub (i32.const 0) (local.get $n))))
            (call $print (i32.const 1) (i32.const {DATA + length}) (i32.const 1))))""",
        data=url + '"',
    )
