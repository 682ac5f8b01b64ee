/*
 * libFuzzer over the reader. Random bytes would never pass the checksums, so the input is taken as
 * the contents of records, and they are framed here as a careful enemy would: every checksum is
 * right, and what is inside is anything. The first byte of a record picks its tag, the next two
 * give its length; the flag in the first byte of all leaves the framing away.
 *
 *   tests/fuzz/run stream [SECONDS]
 */
#include "sc_stream_int.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const uint32_t tags[] = {SC_TAG_HEADER, SC_TAG_MODEL,  SC_TAG_BLOCK,
                                SC_TAG_ELEM,   SC_TAG_TENSOR, SC_TAG_END};

static sc_status write_records(sc_out *out, const uint8_t *p, size_t n, sc_err *err)
{
    uint32_t elem = 0;
    uint64_t at = 0;
    while (n >= 3) {
        const uint32_t tag = tags[p[0] % (sizeof tags / sizeof *tags)];
        const size_t want = (size_t)p[1] | (size_t)p[2] << 8;
        const size_t len = want < n - 3 ? want : n - 3;
        uint8_t *copy;
        SC_TRY(sc_alloc(&copy, len, 1, err));
        memcpy(copy, p + 3, len);
        const sc_buf raw = {copy, len, len};
        at = out->pos;
        elem = tag == SC_TAG_BLOCK || tag == SC_TAG_MODEL ? 0 : elem;
        const bool is_piece = tag == SC_TAG_ELEM || tag == SC_TAG_TENSOR;
        const sc_status st = sc_out_record(out, tag, is_piece ? elem++ : 0, &raw, err);
        free(copy);
        SC_TRY(st);
        p += 3 + len;
        n -= 3 + len;
    }
    return sc_out_foot(out, at, err);
}

static sc_status decode_all(sc_reader *in, sc_err *err)
{
    const sc_header *h = sc_reader_header(in);
    sc_block *b;
    sc_status st;
    while ((st = sc_reader_next(in, &b, err)) == SC_OK) {
        sc_table *obs;
        SC_TRY(sc_block_obs(b, &obs, err));
        for (int k = 0; k < h->n_mats; k++) {
            sc_csr *x;
            sc_dense *d;
            if (!sc_mat_flows(&h->mats[k]))
                continue;
            if (h->mats[k].is_sparse)
                SC_TRY(sc_block_sparse(b, h->mats[k].path, &x, err));
            else
                SC_TRY(sc_block_dense(b, h->mats[k].path, &d, err));
        }
    }
    return st;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    sc_err err;
    sc_out out = {0};
    sc_reader *in;
    sc_status st = SC_OK;
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || n == 0)
        return 0;
    if (p[0] & 0x80) {
        st = write(fd, p + 1, n - 1) == (ssize_t)(n - 1) ? SC_OK : SC_EIO;
    } else {
        st = sc_out_open(&out, fd, "fuzz", &err);
        if (st == SC_OK)
            st = write_records(&out, p + 1, n - 1, &err);
        sc_out_close(&out);
    }
    if (st == SC_OK && lseek(fd, 0, SEEK_SET) == 0 &&
        sc_reader_open_any(&in, fd, "fuzz", &err) == SC_OK) {
        sc_model_file m;
        if (!sc_reader_is_model(in))
            (void)!decode_all(in, &err);
        else if (sc_model_file_from(&m, in, &err) == SC_OK)
            sc_model_file_free(&m);
        sc_reader_close(in);
    }
    (void)close(fd);
    return 0;
}
