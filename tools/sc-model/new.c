/* sc-model new: a folder with a plugin in it that compiles, passes its test and can be fitted. */
#include "model.h"
#include "skeleton.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_name(const char *s)
{
    const size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_");
    return n > 0 && n < 64 && !s[n] && islower((unsigned char)s[0]);
}

/* text with the name in all its places. */
static void put(FILE *f, const char *text, const char *name)
{
    static const char mark[] = "@NAME@";
    for (const char *at; (at = strstr(text, mark)); text = at + strlen(mark)) {
        (void)fwrite(text, 1, (size_t)(at - text), f);
        (void)fputs(name, f);
    }
    (void)fputs(text, f);
}

static sc_status write_file(const model_skeleton *s, const char *name, sc_err *err)
{
    char path[PATH_MAX];
    const bool is_source = s->name[0] == '@';
    (void)snprintf(path, sizeof path, "%s/%s%s", name, is_source ? name : s->name,
                   is_source ? ".c" : "");
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, s->mode);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f)
        return sc_fail_errno(err, "can't write '%s'", path);
    put(f, s->text, name);
    const bool is_bad = ferror(f) != 0;
    return fclose(f) != 0 || is_bad ? sc_fail_errno(err, "can't write '%s'", path) : SC_OK;
}

sc_status model_new(const model_opts *o, const char *const *operands, FILE *to, sc_err *err)
{
    const char *name = operands[0];
    (void)to;
    if (!is_name(name))
        return sc_fail(err, SC_EUSAGE,
                       "a model's name is lower-case letters, digits, '-' and '_', and begins with "
                       "a letter: '%s' is none",
                       name);
    if (mkdir(name, 0777) != 0)
        return sc_fail_errno(err, "can't make the folder '%s'", name);
    for (int k = 0; k < MODEL_SKELETONS; k++)
        SC_TRY(write_file(&model_skeletons[k], name, err));
    sc_cli_note(&model_tool, o, "'%s/%s.c' is a model that works; now: cd %s && make check", name,
                name, name);
    return SC_OK;
}
