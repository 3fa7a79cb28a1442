// What the sanitizers should know about the libraries of Debian that draw; linked into every test
// that opens a font.

// fontconfig 2.14 loses the character sets of the faces it scans, once for each font file opened.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfontconfig.so\n"; }

// Debian's fontconfig, GLib, Pango and Cairo are not instrumented, so ThreadSanitizer sees their
// memory but not their locks.
extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }
