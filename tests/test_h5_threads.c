/* Rows of a damaged HDF5 file, read by another thread than the one that opened it, as sc-read may.
 */
#include "sc_formats.h"
#include "sc_source.h"

#include <libgen.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct reading {
    const sc_format *format;
    void *state;
    sc_status st;
    sc_err err;
} reading;

static void *read_rows(void *arg)
{
    reading *r = arg;
    sc_format_rows rows = {0};
    r->st = r->format->next(r->state, &rows, &r->err);
    sc_format_rows_free(&rows);
    return NULL;
}

static void no_note(void *ctx, const char *line)
{
    (void)ctx;
    (void)line;
}

/* The fixture, with a name of a cell that points to nowhere. */
static void damaged_copy(char *path)
{
    unsigned char bytes[1 << 16];
    FILE *in = fopen("tests/data/hdf5/csc.h5ad", "rb"); /* tests run in the project's root */
    assert_non_null(in);
    const size_t n = fread(bytes, 1, sizeof bytes, in);
    assert_int_equal(fclose(in), 0);
    assert_true(n > 9083 && n < sizeof bytes);
    bytes[9083] = 0xff;
    const int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, n), n);
    assert_int_equal(close(fd), 0);
}

/* What is written to stderr while the rows are read, in bytes. */
static long said_while_reading(reading *r)
{
    FILE *heard = tmpfile();
    assert_non_null(heard);
    const int usual = dup(STDERR_FILENO);
    assert_true(usual >= 0 && dup2(fileno(heard), STDERR_FILENO) >= 0);
    pthread_t thread;
    const int failed = pthread_create(&thread, NULL, read_rows, r);
    if (!failed)
        (void)pthread_join(thread, NULL);
    assert_true(dup2(usual, STDERR_FILENO) >= 0);
    assert_int_equal(failed, 0);
    assert_int_equal(close(usual), 0);
    assert_int_equal(fseek(heard, 0, SEEK_END), 0);
    const long n = ftell(heard);
    assert_int_equal(fclose(heard), 0);
    return n;
}

static void hdf5_is_silent_on_every_thread(void **unused)
{
    (void)unused;
    char self[4000], folder[4096], path[] = "/tmp/h5_threads_XXXXXX";
    const ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(len > 0);
    self[len] = 0;
    (void)snprintf(folder, sizeof folder, "%s/../formats", dirname(self));
    assert_int_equal(setenv("SLUICE_PLUGIN_PATH", folder, 1), 0);
    damaged_copy(path);

    sc_err err = {0};
    sc_formats formats = {0};
    sc_source *src = NULL;
    const sc_plugin *plugin = NULL;
    sc_format_opts opts;
    sc_header h = {0};
    const sc_host host = {.size = sizeof host, .note = no_note};
    reading r = {0};
    assert_int_equal(sc_formats_load(&formats, &err), SC_OK);
    assert_int_equal(sc_source_open(&src, path, &err), SC_OK);
    assert_int_equal(sc_formats_find(&formats, "h5ad", &plugin, &err), SC_OK);
    assert_int_equal(sc_formats_opts(&formats, plugin, &opts, &err), SC_OK);
    r.format = sc_format_of(plugin);
    assert_int_equal(r.format->open(&r.state, src, &opts, &host, &h, &err), SC_OK);

    assert_int_equal(said_while_reading(&r), 0);
    assert_int_equal(r.st, SC_EFORMAT);
    assert_non_null(strstr(r.err.msg, "'obs/_index'"));

    r.format->close(r.state);
    sc_header_free(&h);
    sc_source_close(src);
    sc_formats_free(&formats);
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(hdf5_is_silent_on_every_thread)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
