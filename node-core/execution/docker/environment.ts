/** Which environment variables a container may have. */

/**
 * Variables by which a program's start loads code that nobody named. An image's environment is its author's; hooks of
 * container toolkits ran with it as root on the host (CVE-2025-23266: `LD_PRELOAD` in an image of three lines), and our
 * own runner in a shared base must not become another program by it. No image that we have met needs them.
 */
const loaders =
  /^(LD_.*|GLIBC_TUNABLES|GCONV_PATH|NODE_OPTIONS|PYTHONSTARTUP|PERL5OPT|RUBYOPT|BASH_ENV|ENV|JAVA_TOOL_OPTIONS)$/;
const name = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @param entries `NAME=value`, as engines have them. @param whose for the messages. */
export function environmentFaults(entries: readonly string[], whose: string): string[] {
  return entries.flatMap((entry) => {
    const variable = nameOf(entry);
    if (loaders.test(variable)) return [`${whose} sets ${variable}, by which a program's start loads foreign code`];
    if (!name.test(variable)) return [`${whose} has a variable whose name is none: ${JSON.stringify(variable)}`];
    return entry.includes('\0') ? [`${whose} has a zero byte in ${variable}`] : [];
  });
}

export function nameOf(entry: string): string {
  const end = entry.indexOf('=');
  return end < 0 ? entry : entry.slice(0, end);
}
