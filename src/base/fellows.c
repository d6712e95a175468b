#include "base/fellows.h"

int fellows_add(struct table *t, struct bytes key, struct fellow *f, void *of)
{
	struct fellow *first = table_exchange(t, key, f);
	int error = first ? 0 : table_put(t, key, f);

	if (error != 0)
		return error;

	*f = (struct fellow){ .of = of, .next = first };
	if (first)
		first->prev = f;
	return 0;
}

void fellows_remove(struct table *t, struct bytes key, struct fellow *f)
{
	if (!f->of)
		return;

	if (f->next)
		f->next->prev = f->prev;
	if (f->prev)
		f->prev->next = f->next;
	else if (f->next)
		(void)table_exchange(t, key, f->next);
	else
		(void)table_take(t, key);
	*f = (struct fellow){ 0 };
}

struct fellow *fellows_first(const struct table *t, struct bytes key)
{
	return table_find(t, key);
}
