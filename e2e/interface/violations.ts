/** What axe has to say against a page. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';

export interface Violation {
  readonly where: string;
  readonly id: string;
  readonly html: readonly string[];
}

/** All rules in the light theme; in the dark one those about colours, which is all that it changes. */
export async function violations(page: Page, where: string): Promise<Violation[]> {
  const found: Violation[] = [];
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
    const axe = new AxeBuilder({ page });
    if (colorScheme === 'dark') axe.withRules(['color-contrast']);
    const { violations: all } = await axe.analyze();
    found.push(
      ...all.map(({ id, nodes }) => ({
        where: `${where}, ${colorScheme}`,
        id,
        html: nodes.map(({ html }) => html),
      })),
    );
  }
  return found;
}
