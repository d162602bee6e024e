/* Stands in for QEMU: loads the plugin's source, and hands it a block whose one instruction stores and loads. */

#include BLOCKCOUNT

static tb_callback translate;
static exec_callback execute;
static mem_callback access_memory;
static void (*finish)(qemu_plugin_id_t, void *);
static void *block_data, *access_data;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_callback f)
{
    (void)id;
    translate = f;
}
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_callback f, int flags, void *data)
{
    (void)tb, (void)flags;
    execute = f;
    block_data = data;
}
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, mem_callback f, int flags, int kinds, void *data)
{
    (void)insn, (void)flags, (void)kinds;
    access_memory = f;
    access_data = data;
}
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, void (*f)(qemu_plugin_id_t, void *), void *data)
{
    (void)id, (void)data;
    finish = f;
}
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb)
{
    (void)tb;
    return 1;
}
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb)
{
    (void)tb;
    return 0x100;
}
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t n)
{
    (void)tb, (void)n;
    return NULL;
}
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn)
{
    (void)insn;
    return 0x100;
}
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info)
{
    (void)info;
    return 2;
}
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info)
{
    return info != 0;
}

/* Arguments of the plugin, then accesses: s or l and an address, such as s1000. */
int main(int argc, char **argv)
{
    if (qemu_plugin_install(0, NULL, 2, argv + 1) != 0) {
        return 1;
    }
    translate(0, NULL);
    execute(0, block_data);
    for (int i = 3; i < argc; i++) {
        access_memory(0, argv[i][0] == 's', strtoul(argv[i] + 1, NULL, 16), access_data);
    }
    finish(0, NULL);
    return 0;
}
