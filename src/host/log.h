/* The log: one line per event, to standard error and to whoever subscribed (VICI's `log` event). */
#pragma once

#include "tern/ike.h"

#include <stdio.h>
#include <time.h>

#define LOG_LINE_MAX 2048

/* What a line says beside its text. */
struct log_line {
	const char *group;    /* VICI's: DMN, IKE, CHD, CFG, NET, ENC, KNL, ESP */
	uint8_t level;        /* 0 always, 1 normal, 2 detail */
	const char *ike_name; /* "" where it concerns none */
	uint32_t ike_id;
	const char *text;
};

typedef void log_subscriber_fn(void *context, const struct log_line *line);

struct log {
	FILE *out;
	uint8_t level; /* lines above it aren't written; subscribers get all */
	log_subscriber_fn *subscriber;
	void *context;
};

/* Pure: an event in words, without time and connection. Returns out. */
char *log_render(const struct ike_event *event, char *out, size_t out_size);
const char *log_group(enum ike_event_kind kind);
uint8_t log_level(const struct ike_event *event);

/* "12:34:56.789 [conn/1] text" with a line end; what would break the line or the terminal becomes
 * '?'. */
char *log_format(const struct log_line *line, const struct tm *when, unsigned milliseconds,
	char *out, size_t out_size);

void log_event(struct log *log, const struct ike_event *event);
void log_text(struct log *log, const char *group, uint8_t level, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
