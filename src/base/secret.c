#include "base/secret.h"

#include <assert.h>

void secret_set(struct secret *s, struct bytes from)
{
	assert(from.size <= SECRET_BYTES_MAX);
	s->size = from.size;
	if (from.size)
		memcpy(s->data, from.data, from.size);
}
