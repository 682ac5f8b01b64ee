#include "disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct disk_info {
    int *why;
} disk_info;

typedef struct disk_file {
    H5FD_t head; /* HDF5's; must be first */
    int fd;
    int *why;
    haddr_t eoa, eof; /* end of what HDF5 took, and of what it wrote */
} disk_file;

static H5FD_t *disk_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
    (void)maxaddr;
    const disk_info *info = H5Pget_driver_info(fapl);
    disk_file *f = info && flags & H5F_ACC_RDWR ? calloc(1, sizeof *f) : NULL;
    if (!f)
        return NULL;
    const int more = (flags & H5F_ACC_CREAT ? O_CREAT : 0) | (flags & H5F_ACC_TRUNC ? O_TRUNC : 0) |
                     (flags & H5F_ACC_EXCL ? O_EXCL : 0);
    f->why = info->why;
    f->fd = open(name, O_RDWR | O_CLOEXEC | more, 0666);
    if (f->fd < 0) {
        *f->why = errno;
        free(f);
        return NULL;
    }
    struct stat s;
    f->eof = fstat(f->fd, &s) == 0 && s.st_size > 0 ? (haddr_t)s.st_size : 0;
    return &f->head;
}

static void keep_errno(disk_file *f)
{
    if (*f->why == 0)
        *f->why = errno;
}

static herr_t disk_close(H5FD_t *file)
{
    disk_file *f = (disk_file *)file;
    if (close(f->fd) < 0) /* a quota may show only here */
        keep_errno(f);
    free(f);
    return 0;
}

static herr_t disk_query(const H5FD_t *file, unsigned long *flags)
{
    (void)file;
    /* the features of HDF5's own driver, so that the same file comes out */
    *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
             H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
    return 0;
}

static haddr_t disk_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const disk_file *)file)->eoa;
}

static herr_t disk_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t addr)
{
    (void)type;
    ((disk_file *)file)->eoa = addr;
    return 0;
}

static haddr_t disk_get_eof(const H5FD_t *file, H5FD_mem_t type)
{
    (void)type;
    return ((const disk_file *)file)->eof;
}

static herr_t disk_read(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                        void *buf)
{
    disk_file *f = (disk_file *)file;
    char *to = buf;
    (void)type;
    (void)dxpl;
    while (size > 0) {
        const ssize_t n = pread(f->fd, to, size, (off_t)addr);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            keep_errno(f);
        if (n <= 0) { /* what was not written reads as zeros */
            memset(to, 0, size);
            return 0;
        }
        to += n;
        size -= (size_t)n;
        addr += (haddr_t)n;
    }
    return 0;
}

static herr_t disk_write(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                         const void *buf)
{
    disk_file *f = (disk_file *)file;
    const char *from = buf;
    (void)type;
    (void)dxpl;
    if (addr + size > f->eof)
        f->eof = addr + size;
    while (size > 0 && *f->why == 0) {
        const ssize_t n = pwrite(f->fd, from, size, (off_t)addr);
        if (n == 0)
            errno = ENOSPC;
        if (n == 0 || (n < 0 && errno != EINTR))
            keep_errno(f);
        if (n <= 0)
            continue;
        from += n;
        size -= (size_t)n;
        addr += (haddr_t)n;
    }
    return 0;
}

static herr_t disk_truncate(H5FD_t *file, hid_t dxpl, hbool_t is_closing)
{
    disk_file *f = (disk_file *)file;
    (void)dxpl;
    (void)is_closing;
    if (f->eoa != f->eof && *f->why == 0 && ftruncate(f->fd, (off_t)f->eoa) < 0)
        keep_errno(f);
    f->eof = f->eoa;
    return 0;
}

hid_t h5disk_use(hid_t fapl, int *why)
{
    static const H5FD_class_t driver = {
        .name = "sluice",
        .maxaddr = INT64_MAX,
        .fc_degree = H5F_CLOSE_WEAK,
        .fapl_size = sizeof(disk_info),
        .open = disk_open,
        .close = disk_close,
        .query = disk_query,
        .get_eoa = disk_get_eoa,
        .set_eoa = disk_set_eoa,
        .get_eof = disk_get_eof,
        .read = disk_read,
        .write = disk_write,
        .truncate = disk_truncate,
        .fl_map = H5FD_FLMAP_DICHOTOMY,
    };
    const disk_info info = {why};
    hid_t id = H5FDregister(&driver);
    if (id > 0 && H5Pset_driver(fapl, id, &info) < 0) {
        (void)H5Idec_ref(id);
        id = -1;
    }
    return id;
}
