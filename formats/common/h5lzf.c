/*
 * HDF5 filter 32000, which h5py calls "lzf": a chunk is one liblzf stream, or stays as it is where
 * that would not be smaller (its filter mask says so, and HDF5 then does not call us).
 */
#include "h5.h"

#include <liblzf/lzf.h>

#include <stdlib.h>

enum { LZF_ID = 32000, LZF_MAX = 1 << 30, LZF_CHUNK_SIZE = 2 };

/* cd_values[2] is the size of a whole chunk, which is what a stored chunk unpacks to. */
static size_t unpack(const unsigned *cd_values, size_t n_cd, size_t n_bytes, size_t *buf_size,
                     void **buf)
{
    size_t room =
        n_cd > LZF_CHUNK_SIZE && cd_values[LZF_CHUNK_SIZE] ? cd_values[LZF_CHUNK_SIZE] : *buf_size;
    /* a literal costs 33/32 and a match packs 264 bytes into 3 */
    if (room > LZF_MAX || n_bytes > LZF_MAX || room / 128 > n_bytes)
        return 0;
    void *to = H5allocate_memory(room, false);
    const unsigned got = to ? lzf_decompress(*buf, (unsigned)n_bytes, to, (unsigned)room) : 0;
    if (got == 0) {
        (void)H5free_memory(to);
        return 0;
    }
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
