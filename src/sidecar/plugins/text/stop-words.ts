/** Words that carry no topic, of the languages that were looked at; ISO 639-1. */
const LISTS: Readonly<Record<string, string>> = {
  en: `a about above after again against all also am an and any are as at be because been before being below between both but by can cannot
    could did do does doing don't down during each every few for from further get got had has have having he her here hers herself him himself his
    how however i if in into is it its itself just like made make many may me might more most much must my myself no nor not now of off often on
    once one only onto or other our ours ourselves out over own per said same shall she should since so some such than that the their theirs them
    themselves then there therefore these they this those through thus to too two under until up upon us use used uses using very via was we well
    were what when where whether which while who whom whose why will with within without would yet you your yours yourself it's i'm that's can't`,
  de: `aber alle allem allen aller alles als also am an ander andere anderem anderen anderer anderes auch auf aus bei beim bereits bin bis bist da
    dabei dadurch daher damit dann daran darauf daraus das dass dazu dein deine dem den denen denn der deren des dessen deshalb die dies diese diesem
    diesen dieser dieses doch dort du durch ein eine einem einen einer eines einige einigen er es etwa etwas euch euer für gegen gewesen hab habe haben
    hat hatte hatten hier hin hinter ich ihm ihn ihnen ihr ihre ihrem ihren ihrer ihres im immer in indem ins ist ja jede jedem jeden jeder jedes jedoch
    jene jetzt kann kein keine keinem keinen keiner können könnte machen man manche mehr mein meine mit muss müssen nach nicht nichts noch nun nur ob oder
    ohne sehr sein seine seinem seinen seiner seit selbst sich sie sind so sobald sofern solche soll sollen sollte sondern sonst sowie über um und uns unser
    unsere unter viel viele vom von vor war waren was weil weiter welche welcher wenn wer werde werden wie wieder will wir wird wo wollen worden wurde
    wurden während zu zum zur zwar zwischen zwei`,
  fr: `à afin ai ainsi alors après as au aucun aucune aura aussi autre autres aux avait avant avec avez avons ayant bien c'est car ce ceci cela celle celles
    celui ces cet cette ceux chaque chez comme comment contre d'un d'une dans de depuis des deux devant doit donc dont du elle elles en encore entre est et
    étaient était été être eu eux fait faire font ici il ils je jusqu l la le les leur leurs lors lorsque lui ma mais me même mes moi moins mon ne ni non
    nos notre nous on ont or ou où par parce pas pendant peu peut plus plusieurs pour pourquoi puis qu qu'il qu'elle quand que quel quelle quelles quels qui
    quoi sa sans se selon sera ses si sien son sont sous soit sur ta tandis tant te tel telle tes toi ton tous tout toute toutes très tu un une vers voici
    vos votre vous y`,
  es: `a al algo algunas algunos ante antes aquel aquella así aún aunque bajo bien cada como con contra cual cuales cuando de del desde donde dos durante e
    el él ella ellas ellos en entre era eran es esa esas ese eso esos esta está están estaba estas este esto estos fue fueron ha había habían han hasta hay
    la las le les lo los más me mi mis mismo mucho muchos muy nada ni no nos nosotros nuestra nuestro o os otra otras otro otros para pero poco por porque
    pues que qué quien quienes se sea según ser si sí sido sin sino sobre son su sus también tan tanto te tiene tienen toda todas todo todos tras tu un una
    unas uno unos usted ustedes y ya yo`,
  it: `a abbia agli ai al alla alle allo altre altri altro anche ancora avere aveva c'è che chi ci ciò come con contro cui da dagli dai dal dalla dalle dallo
    degli dei del dell della delle dello dentro di dopo dove due e è ed era erano essere fa fino fra già gli ha hanno ho i il in io l la le lei li lo loro
    lui ma me mentre mi mia mio molto ne negli nei nel nella nelle nello noi non nostra nostro o ogni oltre per perché però più poi prima qualche quale quali
    quando quanto quella quelle quelli quello questa queste questi questo qui se sé sempre senza si sia sono sopra sotto sta stata stati stato su sua sue sugli
    sui sul sulla sulle suo suoi tra tu tutte tutti tutto un una uno verso vi voi`,
  pt: `a à ainda algumas alguns ante antes ao aos após aquela aquele as às assim até bem cada com como contra da das de dela dele deles depois desde deve do dos
    duas dois e é ela elas ele eles em entre era eram essa esse esta está estão estas este estes eu foi foram há isso isto já lhe lo mais mas me mesmo meu
    minha muito muitos na não nas nem no nos nós nossa nosso num numa o onde os ou outra outras outro outros para pela pelas pelo pelos pode por porque pouco
    qual quando que quem se seja sem sendo ser seu seus sob sobre sua suas são só também tem têm toda todas todo todos tu tudo um uma umas uns você vocês`,
  nl: `aan al alle alleen als altijd andere ben bij dan dat de deze die dit doch doen door dus een eens en er ge geen geweest haar had hadden hebben heeft hem
    het hier hij hoe hun iets ik in is ja je kan konden kunnen maar me meer men met mij mijn moet moeten na naar niet niets nog nu of om omdat onder ons onze
    ook op over reeds te tegen toch toen tot u uit uw van veel voor waar want waren was wat we wel werd werden wie wij wil worden wordt zal ze zelf zich zij
    zijn zo zonder zou zullen`,
  sv: `alla allt att av blev bli blir då de dem den denna deras dess dessa det detta dig din dina ditt du efter eller en er ett för från ha hade han hans har
    hennes här honom hon hur i icke in inom inte jag ju kan kunde man med mellan men mer mig min mina mitt mot mycket när ni nu någon något några och om oss på
    samma sedan sig sin sina sitt själv ska skulle som så sådan till under upp ut utan vad var vara varför varje vi vid vilka vilken vår vara`,
};

const sets = new Map<string, ReadonlySet<string>>();

/** Stop words of a language, lower case; of all known ones together when it is not known. */
export function stopWordsOf(language: string | null): ReadonlySet<string> {
  const key = language !== null && language in LISTS ? language : '*';
  const known = sets.get(key);
  if (known !== undefined) return known;
  const lists = key === '*' ? Object.values(LISTS) : [LISTS[key] ?? ''];
  const made = new Set(lists.join(' ').split(/\s+/));
  sets.set(key, made);
  return made;
}

export function hasStopWords(language: string | null): boolean {
  return language !== null && language in LISTS;
}
