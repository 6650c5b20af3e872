export { Directory } from './directory.ts';
export type {
  Announcement,
  Candidate,
  DirectoryConfig,
  DirectoryOptions,
  DirectoryPeer,
  Explanation,
  FitQuery,
  FitTerms,
  KnownGood,
  Load,
  ProviderQuery,
} from './types.ts';
