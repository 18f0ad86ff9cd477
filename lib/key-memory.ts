/**
 * Makes an allocator of Buffers that hold private keys. Its memory is never shared with other Buffers, as that of
 * Buffer.allocUnsafe is: a key does not lie beside what is sent or logged. An allocation of its own would cost each Buffer more
 * than what is written to it, so they are cut from slabs. A slab is freed when none of its Buffers is in use.
 * @param slabBytes a few times the length of most Buffers; a longer one gets a slab of its own
 * @returns allocates `length` bytes, which the caller writes, and zeroes when the key is no longer needed
 */
export function createKeyMemory(slabBytes: number): (length: number) => Buffer {
  let slab = Buffer.alloc(0);
  let used = 0;
  return (length) => {
    if (used + length > slab.length) {
      slab = Buffer.allocUnsafeSlow(Math.max(slabBytes, length));
      used = 0;
    }
    used += length;
    return slab.subarray(used - length, used);
  };
}
