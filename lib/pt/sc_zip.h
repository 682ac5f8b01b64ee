/*
 * Zip archives whose members are stored, read from memory by their central directory. Nothing is
 * ever inflated, so an archive can't ask for more than the bytes it has; that, and that every tool
 * opens models but few open archives, is why this isn't libarchive.
 */
#ifndef SC_ZIP_H
#define SC_ZIP_H

#include "sc_err.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sc_zip_member {
    const char *name; /* not NUL-terminated: bytes of the archive */
    size_t name_len;
    const unsigned char *data;
    size_t n;
    uint32_t crc; /* as the directory has it; sc_zip_find checks it, once */
    bool is_checked;
} sc_zip_member;

typedef struct sc_zip {
    sc_zip_member *members; /* sorted by name; owned */
    size_t n;
} sc_zip;

/* Reads the directory of an archive of n bytes, which are lent and must outlive z. SC_EFORMAT if it
 * is no zip, is cut, has a compressed, encrypted or repeated member, members that overlap, or sizes
 * that leave the file. On failure nothing is held. */
sc_status sc_zip_open(sc_zip *z, const unsigned char *bytes, size_t n, sc_err *err) SC_MUST_CHECK;
void sc_zip_close(sc_zip *z);

/* The member of that name, its CRC checked. *out is NULL, and the status SC_OK, where there is
 * none; SC_EFORMAT where the CRC is wrong. */
sc_status sc_zip_find(const sc_zip *z, const char *name, const sc_zip_member **out,
                      sc_err *err) SC_MUST_CHECK;

/* CRC-32 as zip has it (polynomial 0xedb88320) of n bytes after those that gave crc; start with 0.
 */
uint32_t sc_crc32(uint32_t crc, const unsigned char *bytes, size_t n);

#endif
