/* Output for people: colours on a terminal only, and nothing that a peer says reaches the terminal unseen. */
#pragma once

#include "base/bytes.h"

#include <stdint.h>
#include <stdio.h>

enum paint { PLAIN, BOLD, FAINT, RED, GREEN, YELLOW };

/* Looks once at the environment (NO_COLOR, TERM) and at whether standard output is a terminal. */
void print_setup(void);

/* `text` in a colour where there are colours; control octets become '?'. NULL prints nothing. */
void print_paint(enum paint paint, const char *text);
void print_safe(FILE *to, const char *text);

/* "tern: text" on standard error, after all that standard output has. */
__attribute__((format(printf, 1, 2))) void print_error(const char *format, ...);

/* "812 B", "1.2 MB": powers of 1000. */
char *size_text(uint64_t octets, char *out, size_t out_size);
