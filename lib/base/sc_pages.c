#include "sc_pages.h"

#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

enum { HEAD = 64, HUGE_PAGE = 2 << 20 };

/* Before what the caller sees: where the mapping begins, and its length. */
typedef struct head {
    void *map;
    size_t length;
} head;

sc_status sc_pages_new(void *out, size_t n, size_t size, sc_err *err)
{
    if (size && n > (SIZE_MAX - HEAD - 2 * HUGE_PAGE) / size)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    /* small arrays are not worth a page of 2 MiB */
    const size_t bytes = n * size + HEAD, align = bytes >= HUGE_PAGE ? HUGE_PAGE : HEAD;
    const size_t length = bytes + align;
    char *map = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return sc_fail(err, SC_ENOMEM, "out of memory");
    char *at = map + (align - (uintptr_t)map % align) % align;
    if (align == HUGE_PAGE)
        (void)madvise(at, length - (size_t)(at - map), MADV_HUGEPAGE); /* or it is slower */
    const head h = {map, length};
    memcpy(at, &h, sizeof h);
    at += HEAD;
    memcpy(out, &at, sizeof at);
    return SC_OK;
}

void sc_pages_free(void *pages)
{
    head h;
    if (!pages)
        return;
    memcpy(&h, (char *)pages - HEAD, sizeof h);
    (void)munmap(h.map, h.length);
}
