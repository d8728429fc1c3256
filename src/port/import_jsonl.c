/* import_jsonl.c -- JSON lines into keys.
 *
 * For: port.c. Must not know: how a line is taken apart (line.c).
 *
 * A file is read twice: once to see that every line is right, once to store them. A pipe is one transaction, so that a
 * bad last line undoes the first. With skip_bad bad lines go to a file of their own, to be mended and imported later.
 */
#include "port/port_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct input {
    int fd;
    bool is_file;
    off_t start;
    uint64_t size;
};

static bool is_blank(const char *text, size_t size)
{
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\t' || text[size - 1] == '\r')) size--;
    return size == 0;
}

static int open_input(struct sink *sink, struct input *input, struct port_error *error)
{
    struct stat st;

    *input = (struct input){.fd = STDIN_FILENO};
    if (strcmp(sink->job->source, "-") != 0) input->fd = open(sink->job->source, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0 || fstat(input->fd, &st) < 0)
        return aer__port_fail(error, errno == ENOENT ? AER_INVALID : AER_IO, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode)) return aer__port_fail(error, AER_INVALID, "it is a directory");
    input->start = lseek(input->fd, 0, SEEK_CUR);
    input->is_file = S_ISREG(st.st_mode) && input->start >= 0;
    input->size = input->is_file ? (uint64_t)(st.st_size - input->start) : 0;
    return AER_OK;
}

/* Every line is one we can store; nothing is written. */
static int check_lines(struct sink *sink, const struct input *input, struct port_error *error)
{
    struct port_lines lines;
    struct port_line line;
    char *text;
    size_t size;
    int rc;

    aer__port_lines_init(&lines, input->fd);
    while ((rc = aer__port_lines_next(&lines, &text, &size, error)) == AER_OK) {
        if (is_blank(text, size)) continue;
        rc = aer__port_line_parse(text, size, PORT_LINE_ROW, &line, error);
        if (rc == AER_OK && line.key.size + sink->job->prefix.size > AER_KEY_MAX)
            rc = aer__port_fail(error, AER_INVALID, "the key is too long with the prefix");
        if (rc == AER_OK || line.object) aer__port_line_release(&line);
        if (rc == AER_OK) rc = aer__port_progress(&sink->job->events, sink->counts, lines.read / 2, input->size, error);
        if (rc != AER_OK) break;
    }
    if (rc != AER_DONE && rc != AER_STOPPED)
        aer__port_prefix(error, "line %llu, nothing was changed", (unsigned long long)lines.number);
    aer__port_lines_release(&lines);
    if (rc != AER_DONE) return rc;
    if (lseek(input->fd, input->start, SEEK_SET) < 0) return aer__port_fail(error, AER_IO, "cannot read it again");
    return AER_OK;
}

static int put_line(struct sink *sink, const struct port_line *line, struct port_error *error)
{
    struct sink_item item = {.name = line->key, .value = line->value, .attrs = line->attrs};
    bool same;
    int rc = aer__port_sink_same_value(sink, &item, &same, error);

    return rc == AER_OK && !same ? aer__port_sink_put(sink, &item, error) : rc;
}

/* A line that is not right: to the file of bad ones, told, counted. */
static int set_aside(struct sink *sink, struct port_file *bad, uint64_t number, const char *text, size_t size,
                     struct port_error *error)
{
    struct port_error cause = *error;
    char what[32];
    int rc;

    memset(error, 0, sizeof(*error));
    if (bad->fd < 0 && aer__port_file_open(bad, sink->job->skip_bad, error)) return error->code;
    rc = aer__port_file_write(bad, text, size, error);
    if (rc == AER_OK) rc = aer__port_file_write(bad, "\n", 1, error);
    snprintf(what, sizeof(what), "line %llu", (unsigned long long)number);
    if (rc == AER_OK) aer__port_skip(&sink->job->events, sink->counts, (aer_slice){what, strlen(what)}, cause.message);
    return rc;
}

static int store_lines(struct sink *sink, const struct input *input, bool checked, struct port_error *error)
{
    struct port_file bad = {.fd = -1};
    struct port_lines lines;
    struct port_line line;
    char *text;
    size_t size;
    int rc;

    aer__port_lines_init(&lines, input->fd);
    while ((rc = aer__port_lines_next(&lines, &text, &size, error)) == AER_OK) {
        if (is_blank(text, size)) continue;
        rc = aer__port_line_parse(text, size, PORT_LINE_ROW, &line, error);
        if (rc == AER_INVALID && sink->job->skip_bad) {
            rc = set_aside(sink, &bad, lines.number, text, size, error);
        } else if (rc == AER_OK) {
            rc = put_line(sink, &line, error);
            aer__port_line_release(&line);
        }
        if (rc == AER_OK)
            rc = aer__port_progress(&sink->job->events, sink->counts,
                                    checked ? input->size / 2 + lines.read / 2 : lines.read, input->size, error);
        if (rc != AER_OK) break;
    }
    if (rc == AER_INVALID)
        aer__port_prefix(error, "line %llu%s", (unsigned long long)lines.number, sink->whole ? ", nothing was changed" : "");
    aer__port_lines_release(&lines);
    if (rc == AER_DONE) rc = AER_OK;
    if (rc == AER_OK && bad.fd >= 0) rc = aer__port_file_commit(&bad, error);
    aer__port_file_abandon(&bad);
    return rc;
}

int aer__port_import_jsonl(struct sink *sink, struct port_error *error)
{
    struct input input;
    bool check;
    int rc = open_input(sink, &input, error);

    check = input.is_file && !sink->job->skip_bad;
    sink->whole = !input.is_file && !sink->job->skip_bad && !sink->job->batch;
    if (rc == AER_OK && check) rc = check_lines(sink, &input, error);
    if (rc == AER_OK) rc = store_lines(sink, &input, check, error);
    if (input.fd > STDIN_FILENO) close(input.fd);
    return rc;
}
