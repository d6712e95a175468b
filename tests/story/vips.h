/* What a host has of a gateway, as text: its virtual addresses, and the selectors made of them. */
#pragma once

#include "ike/narrow.h"
#include "tests/story/story.h"

/* The nth virtual address of the host's first IKE SA, as text; "" where there is none. */
static inline const char *story_vip(const struct host *h, size_t nth)
{
	static char text[ADDRESS_TEXT_MAX];
	struct ike_sa_view view;
	size_t position = 0;

	text[0] = '\0';
	if (ike_next_sa(h->engine, &position, &view) && nth < view.local_vip_count)
		address_print(&view.local_vips[nth], text);
	return text;
}

/* The selectors of the host's first child as text. */
static inline const char *story_selectors(const struct host *h, bool local)
{
	static char text[500];

	text[0] = '\0';
	for (size_t i = 0; i < HOST_CHILDREN_MAX && !text[0]; i++)
		if (h->children[i].in && h->children[i].out)
			selectors_print(
				local ? &h->children[i].spec.local : &h->children[i].spec.remote,
				text, sizeof(text));
	return text;
}
