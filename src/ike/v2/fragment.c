#include "ike/v2/fragment.h"

#include <errno.h>
#include <stdlib.h>

void fragments_clear(struct fragments *f)
{
	for (size_t i = 0; i < FRAGMENTS_MAX; i++) {
		bytes_wipe(f->parts[i], f->sizes[i]);
		free(f->parts[i]);
	}
	*f = (struct fragments){ 0 };
}

/* RFC 7383 §2.6: a larger total replaces what came before (the peer fragments smaller now); a
 * smaller one is refused. */
static int fragments_prepare(struct fragments *f, const struct fragment *part)
{
	bool same = f->total && f->message_id == part->message_id && f->response == part->response;

	if (part->total > FRAGMENTS_MAX || part->number == 0 || part->number > part->total)
		return -EBADMSG;
	if (same && part->total < f->total)
		return -EBADMSG;
	if (!same || part->total > f->total) {
		fragments_clear(f);
		f->message_id = part->message_id;
		f->response = part->response;
		f->total = part->total;
	}
	return 0;
}

int fragments_add(struct fragments *f, const struct fragment *part, size_t bytes_max)
{
	size_t i = (size_t)part->number - 1;
	int error = fragments_prepare(f, part);

	if (error)
		return error;
	if (part->plain.size == 0 || part->plain.size > UINT16_MAX)
		return -EBADMSG;
	if (f->parts[i])
		return 0; /* a repeat */
	if (f->bytes + part->plain.size > bytes_max)
		return -E2BIG;

	f->parts[i] = bytes_copy(part->plain);
	if (!f->parts[i])
		return -ENOMEM;
	f->sizes[i] = (uint16_t)part->plain.size;
	f->bytes += part->plain.size;
	f->have++;
	if (part->number == 1)
		f->first_payload = part->next_payload;

	return f->have == f->total;
}

void fragments_join(struct fragments *f, uint8_t *out)
{
	for (size_t i = 0; i < f->total; i++) {
		memcpy(out, f->parts[i], f->sizes[i]);
		out += f->sizes[i];
	}
	fragments_clear(f);
}
