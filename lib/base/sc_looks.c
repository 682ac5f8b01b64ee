#include "sc_looks.h"

#include <string.h>

const char *sc_looks_like(const void *bytes, size_t n)
{
    static const struct {
        const char *magic, *kind;
    } known[] = {{"\x89SCZ", "a Sluice stream or model"},
                 {"\x89HDF", "an HDF5 file (h5ad, loom, h5 of 10x)"},
                 {"\x89PNG", "a PNG picture"},
                 {"%PDF", "a PDF"},
                 {"PK\x03\x04", "a zip, as model.pt and npz are"},
                 {"\x1f\x8b", "compressed with gzip"},
                 {"\x28\xb5\x2f\xfd", "compressed with zstd"},
                 {"\xfd\x37zXZ", "compressed with xz"},
                 {"\xff\xfe", "UTF-16 text, not UTF-8"},
                 {"\xfe\xff", "UTF-16 text, not UTF-8"}};
    const unsigned char *p = bytes;
    for (size_t k = 0; k < sizeof known / sizeof *known; k++) {
        const size_t len = strlen(known[k].magic);
        if (n >= len && memcmp(p, known[k].magic, len) == 0)
            return known[k].kind;
    }
    /* tab, line feed, form feed and return are in texts; ESC may be */
    for (size_t i = 0; i < n; i++)
        if (p[i] < 0x20 && !(p[i] >= '\t' && p[i] <= '\r') && p[i] != 0x1b)
            return "binary";
    return NULL;
}
