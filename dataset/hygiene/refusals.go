package hygiene

import (
	"regexp"
	"strings"

	"github.com/seed-d24fde5f/distill"
)

// refusals are how models say that they will not, at the beginning of an answer: by language (ISO 639-1) an excuse that may
// come first, and what must follow it. In Chinese and Japanese nothing stands between words.
var refusals = []struct{ language, excuse, refusal string }{
	{"en", `(i['’]?m (very |really |so )?sorry|sorry|i apologi[sz]e|unfortunately)?[,.!]?\s*(but\s+)?`,
		`(i['’]?m (not able|unable)|i am (not able|unable)|i can(no|['’])t|i can not|i won['’]t|i will not|i must (decline|refuse)|i (do not|don['’]t) feel comfortable|` +
			`as an? (ai|artificial intelligence|(large )?language model)( language model| model| assistant)?,? i (can|am|do|don|cannot|will|must))\b`},
	{"zh", `(很|非常|十分)?(抱歉|对不起|不好意思|遗憾)?[，,。！!]?\s*(但是?)?`,
		`(作为(一个|一名)?(人工智能|AI|大?语言模型)[^。]{0,12}(我)?(不能|无法|没有)|我(不能|无法|不可以|没有办法|没法)(帮|为|提供|回答|协助|满足|继续|讨论|生成|完成|给出)|无法(提供|回答|协助|满足|为您))`},
	{"es", `(lo siento( mucho)?|disculpa|perd[oó]n|lamentablemente)?[,.!]?\s*(pero\s+)?`,
		`((yo )?no puedo (ayudar|proporcionar|responder|cumplir|generar|hacer|ofrecer|continuar)|no me es posible|no estoy (capacitad|autorizad)|debo (rechazar|negarme)|` +
			`como (una )?(ia|inteligencia artificial|modelo de lenguaje)\b[^.]{0,60}no (puedo|tengo))`},
	{"fr", `(je suis (vraiment |sincèrement )?désolée?|désolée?|malheureusement)?[,.!]?\s*(mais\s+)?`,
		`(je ne peux pas (vous |t['’])?(aider|fournir|répondre|satisfaire|générer|faire|continuer)|je ne suis pas en mesure|il m['’]est impossible|je dois (refuser|décliner)|` +
			`en tant qu['’](ia|intelligence artificielle|assistant(e)?|modèle de langage)[^.]{0,60}je ne (peux|suis|dispose))`},
	{"de", `(es tut mir (sehr |wirklich )?leid|tut mir leid|entschuldigung|leider)?[,.!]?\s*(aber\s+)?`,
		`((ich )?kann (ich )?(ihnen |dir |dabei |damit |das |diese[nrs]? |dazu |hierbei )*(leider )?nicht (helfen|weiterhelfen|beantworten|bereitstellen|erfüllen|erstellen|behilflich)|` +
			`ich bin nicht in der lage|ich muss (das |dies )?ablehnen|als (ki|künstliche intelligenz|sprachmodell|ki-(sprach)?modell)[^.]{0,60}(kann|habe|bin|darf) ich)`},
	{"ja", `(大変|誠に)?(申し訳(ありません|ございません)|すみません|ごめんなさい|残念ながら)?(が|けど)?[、,。！!]?\s*`,
		`((私は)?(ai|人工知能|(大規模)?言語モデル)(として|であるため|なので)[^。]{0,40}(できません|ありません)|[^。]{0,30}(お答えできません|お手伝いできません|対応できません|提供できません|お応えできません|応じることはできません))`},
	{"ru", `((мне )?(очень )?жаль|простите|извините|к сожалению|прошу прощения)?[,.!]?\s*(но\s+)?`,
		`(я не могу (вам |тебе |с этим )*(помочь|предоставить|ответить|выполнить|создать|продолжить|сделать)|я не в состоянии|я вынужден[а]? отказать|` +
			`как (ии|искусственный интеллект|языковая модель|большая языковая модель)[^.]{0,60}не (могу|имею|умею))`},
	{"pt", `(sinto muito|desculpe|lamento|infelizmente|me desculpe)?[,.!]?\s*(mas\s+)?`,
		`((eu )?não posso (ajudar|fornecer|responder|cumprir|gerar|fazer|atender|continuar)|não consigo ajudar|não me é possível|devo recusar|` +
			`como (uma? )?(ia|inteligência artificial|modelo de linguagem)\b[^.]{0,60}não (posso|tenho))`},
}

var refusal = func() *regexp.Regexp {
	var all []string
	for _, r := range refusals {
		all = append(all, "(?:"+r.excuse+r.refusal+")")
	}
	return regexp.MustCompile(`(?i)^[\s\pP]*(?:` + strings.Join(all, "|") + ")")
}()

// Refusals rejects responses that begin with a refusal, in English, Chinese, Spanish, French, German, Japanese, Russian or
// Portuguese. "I can't find a smaller divisor" is one by its words; where such sentences begin good answers, leave this
// step out.
func Refusals() Step {
	return Step{"refusal", func(row *distill.Row) (string, bool) {
		found := refusal.FindString(row.Response)
		return strings.TrimSpace(found), found != ""
	}}
}
