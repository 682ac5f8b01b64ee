/*
 * HDF5 filter 32000, which h5py calls "lzf": a chunk is one liblzf stream, or stays as it is where
 * that would not be smaller (its filter mask says so, and HDF5 then does not call us).
 */
#include "h5.h"

#include <liblzf/lzf.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

enum { LZF_ID = 32000, LZF_MAX = 1 << 30, LZF_CHUNK_SIZE = 2 };

/* What a stored chunk unpacks to, in *to, which has *room bytes; 0: nothing. A match packs 264
 * bytes into 3, so that a chunk whose size nobody says fits 128 times its own. */
static size_t unpack_into(void **to, size_t *room, bool grows, const void *from, size_t n)
{
    for (;; *room *= 2) {
        *to = *room / 128 <= n ? H5allocate_memory(*room, false) : NULL;
        const unsigned got = *to ? lzf_decompress(from, (unsigned)n, *to, (unsigned)*room) : 0;
        if (got)
            return got;
        const bool is_short = *to && errno == E2BIG && grows && *room <= LZF_MAX / 2;
        (void)H5free_memory(*to);
        if (!is_short)
            return 0;
    }
}

/* cd_values[2] is the size of a whole chunk; h5py leaves it out for strings of any length. */
static size_t unpack(const unsigned *cd_values, size_t n_cd, size_t n_bytes, size_t *buf_size,
                     void **buf)
{
    const size_t whole = n_cd > LZF_CHUNK_SIZE ? cd_values[LZF_CHUNK_SIZE] : 0;
    size_t room = whole ? whole : n_bytes;
    void *to = NULL;
    if (room > LZF_MAX || n_bytes > LZF_MAX)
        return 0;
    const size_t got = unpack_into(&to, &room, !whole, *buf, n_bytes);
    if (got == 0)
        return 0;
    (void)H5free_memory(*buf);
    *buf = to;
    *buf_size = room;
    return got;
}

static size_t filter(unsigned flags, size_t n_cd, const unsigned cd_values[], size_t n_bytes,
                     size_t *buf_size, void **buf)
{
    return flags & H5Z_FLAG_REVERSE ? unpack(cd_values, n_cd, n_bytes, buf_size, buf) : 0;
}

void h5_lzf_register(void)
{
    static const H5Z_class2_t lzf = {
        .version = H5Z_CLASS_T_VERS,
        .id = LZF_ID,
        .encoder_present = 0,
        .decoder_present = 1,
        .name = "lzf",
        .filter = filter,
    };
    if (H5Zfilter_avail(LZF_ID) <= 0)
        (void)H5Zregister(&lzf);
}
