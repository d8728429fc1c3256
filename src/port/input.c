/* input.c -- the file or pipe that an import reads from front to back: a file twice, a pipe once.
 *
 * For: import_jsonl.c, import_tar.c. Must not know: formats.
 */
#include "port/port_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int aer__port_input_open(struct port_input *input, const char *source, struct port_error *error)
{
    struct stat st;

    *input = (struct port_input){.fd = STDIN_FILENO};
    if (strcmp(source, "-") != 0) input->fd = open(source, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0 || fstat(input->fd, &st) < 0)
        return aer__port_fail(error, errno == ENOENT ? AER_INVALID : AER_IO, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode)) return aer__port_fail(error, AER_INVALID, "it is a directory");
    input->start = lseek(input->fd, 0, SEEK_CUR);
    input->is_file = S_ISREG(st.st_mode) && input->start >= 0;
    input->size = input->is_file ? (uint64_t)(st.st_size - input->start) : 0;
    return AER_OK;
}

int aer__port_input_rewind(const struct port_input *input, struct port_error *error)
{
    if (!input->is_file || lseek(input->fd, input->start, SEEK_SET) >= 0) return AER_OK;
    return aer__port_fail(error, AER_IO, "cannot read it again: %s", strerror(errno));
}

void aer__port_input_close(struct port_input *input)
{
    if (input->fd > STDIN_FILENO) close(input->fd);
}
