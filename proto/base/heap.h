#pragma once

namespace glyph::base {

// Settings of glibc's heap for a process whose threads take and give back megabytes all the time,
// as pages do. One arena, so that what one thread freed serves the next; blocks below 32 MiB come
// from it, and up to 64 MiB of its free end stay for the next page instead of going to the kernel,
// which would clear them again. First line of main, before any thread.
void SetUpHeapForPages();

}  // namespace glyph::base
