#include "page_words.h"

#include "page_cost.h"
#include "page_networks.h"
#include "print.h"

void say_detector(void)
{
    print_text("detector " DETECTOR_MODEL_NAME " " DETECTOR_PRECISION " ");
    print_u32(DETECTOR_INPUT_WIDTH);
    print_text("x");
    print_u32(DETECTOR_INPUT_HEIGHT);
    print_text(" arena ");
    print_u32(DETECTOR.arena_bytes);
    print_text("\n");
}

void say_page(uint32_t number, uint32_t count, const struct ocrf_frame *frame)
{
    print_text("page ");
    print_u32(number);
    print_text("/");
    print_u32(count);
    print_text(" ");
    print_u32(frame->width);
    print_text("x");
    print_u32(frame->height);
    print_text(" ");
    print_text(ocrf_format_name(frame->format));
    print_text("\n");
}

void say_boxes(uint32_t count)
{
    print_text("boxes ");
    print_u32(count);
    print_text("\n");
}

void say_hash(const char *what, uint32_t crc)
{
    print_text("hash ");
    print_text(what);
    print_text(" ");
    print_hex32(crc);
    print_text("\n");
}

void say_crop(uint32_t box, uint32_t width, uint32_t height, uint32_t crc)
{
    print_text("crop ");
    print_u32(box);
    print_text(" ");
    print_u32(width);
    print_text("x");
    print_u32(height);
    print_text(" ");
    print_hex32(crc);
    print_text("\n");
}

/* Classes are a stranger's: a line break among them must not end our line. */
static void print_escaped(const char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (; *text != '\0'; text++) {
        const unsigned char byte = (unsigned char)*text;
        char out[5] = {'\\', 'x', digits[byte >> 4], digits[byte & 15u], '\0'};
        if (byte == '\\') {
            out[1] = '\\';
            out[2] = '\0';
        } else if (byte >= 0x20u && byte != 0x7Fu) {
            out[0] = *text;
            out[1] = '\0';
        }
        print_text(out);
    }
}

void say_line(const char *kind, uint32_t number, const struct ocrm55_box *box, const struct ocrm55_line *line)
{
    const uint32_t first = line->upside_down ? 2 : 0;
    print_text(kind);
    print_text(" ");
    print_u32(number);
    for (uint32_t i = 0; i < 4; i++) {
        const struct ocrm55_point *const corner = &box->corners[(first + i) % 4u];
        print_text(" ");
        print_i32(corner->x);
        print_text(",");
        print_i32(corner->y);
    }
    print_text(" score ");
    print_float6((float)box->score / 65536.0f);
    print_text(" line ");
    print_u32(box->line);
    print_text(" turned ");
    print_u32((box->turned + first) % 4u);
    print_text(" readings ");
    print_u32(line->readings);
    if (line->right >= 0.0f) {
        print_text(" right ");
        print_float6(line->right);
    }
    print_text(" text: ");
    print_escaped(line->text);
    print_text(", score: ");
    print_float6(line->score);
    print_text("\n");
}

void say_note(const char *what)
{
    print_text("note: ");
    print_text(what);
    print_text("\n");
}

void say_reversed(void)
{
    print_text("reversed\n");
}

void say_work(void)
{
    print_text("work");
    for (uint32_t stage = 0; stage < STAGES; stage++) {
        print_text(" ");
        print_text(cost_name((enum page_stage)stage));
        print_text("=");
        print_u64(cost_of((enum page_stage)stage));
    }
    print_text("\n");
}

void say_scratch(uint32_t used, uint32_t bytes)
{
    print_text("scratch ");
    print_u32(used);
    print_text(" of ");
    print_u32(bytes);
    print_text("\n");
}
