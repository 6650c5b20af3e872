/** Light, dark, or as the system has it; kept in this browser or window. */

export const themes = ['system', 'light', 'dark'] as const;
export type Theme = (typeof themes)[number];

const key = 'infernet.theme';

class Appearance {
  theme = $state<Theme>(themes.find((theme) => theme === localStorage.getItem(key)) ?? 'system');

  constructor() {
    this.#apply();
  }

  choose(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(key, theme);
    this.#apply();
  }

  #apply(): void {
    document.documentElement.dataset['theme'] = this.theme;
  }
}

export const appearance = new Appearance();
